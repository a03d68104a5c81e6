"""The lock of a profile: taken as the client takes it, respected as the client respects it."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from provisioner import locks
from provisioner.errors import Conflict
from provisioner.locks import hold
from tests.mozlock import Clock, can_lock, held, in_child


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / ".parentlock"


def refused(lock: Path) -> str:
    """The message of the refusal."""
    with pytest.raises(Conflict) as caught, hold([lock], "Thunderbird 153"):
        pytest.fail("the lock was free")
    assert caught.value.code == "client.running"
    assert caught.value.exit_code == 5
    assert "--wait" in caught.value.hint
    return caught.value.message


def dead() -> int:
    """The number of a process that has ended."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def test_a_running_client_is_named_with_its_process(lock: Path) -> None:
    with held(lock) as holder:
        assert refused(lock).startswith(f"Thunderbird 153 is running (process {holder.pid})")


def test_while_we_hold_it_the_client_cannot_take_it(lock: Path) -> None:
    lock.touch()
    assert can_lock(lock)
    with hold([lock], "Thunderbird"):
        assert not can_lock(lock)
        assert not can_lock(lock, fcntl.LOCK_SH)
    assert can_lock(lock)


def test_every_lock_of_the_list_is_held(tmp_path: Path) -> None:
    paths = [tmp_path / name / ".parentlock" for name in "ab"]
    for path in paths:
        path.parent.mkdir()
    with hold(paths, "Thunderbird"):
        assert [can_lock(path) for path in paths] == [False, False]


def test_waiting_ends_when_the_lock_is_released(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with held(lock) as holder:
        clock = Clock(holder.end)
        monkeypatch.setattr(locks, "time", clock)
        with hold([lock], "Thunderbird", wait=True):
            assert not can_lock(lock)
    assert clock.waits == 1


def test_a_lock_file_that_we_made_goes_again(lock: Path) -> None:
    with hold([lock], "Thunderbird"):
        assert lock.stat().st_mode & 0o777 == 0o600
    assert not lock.exists()


def test_a_lock_file_that_we_made_goes_also_after_a_failure(lock: Path) -> None:
    with pytest.raises(KeyboardInterrupt), hold([lock], "Thunderbird"):
        raise KeyboardInterrupt
    assert not lock.exists()


def test_a_lock_file_that_was_there_stays(lock: Path) -> None:
    lock.write_bytes(b"x")
    with hold([lock], "Thunderbird"):
        pass
    assert lock.read_bytes() == b"x"
    with held(lock):
        refused(lock)
    assert lock.read_bytes() == b"x"


def test_a_profile_that_does_not_exist_yet_needs_no_lock(tmp_path: Path) -> None:
    with hold([tmp_path / "new/.parentlock"], "Thunderbird"):
        pass
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("pid", [os.getpid(), 1], ids=["ours", "init"])
def test_the_symlink_lock_of_a_live_process_counts(lock: Path, pid: int) -> None:
    lock.touch()
    lock.with_name("lock").symlink_to(f"127.0.0.1:{pid}")
    assert f"(process {pid})" in refused(lock)
    assert can_lock(lock)


def test_a_number_that_no_process_can_have_is_not_taken_for_a_dead_one(lock: Path) -> None:
    lock.touch()
    lock.with_name("lock").symlink_to(f"127.0.0.1:{2**70}")
    refused(lock)


def test_the_symlink_lock_of_a_dead_process_is_free(lock: Path) -> None:
    lock.with_name("lock").symlink_to(f"127.0.0.1:{dead()}")
    with hold([lock], "Thunderbird"):
        assert not can_lock(lock)
    assert lock.with_name("lock").is_symlink()


@pytest.mark.parametrize(
    "target",
    [f"127.0.0.1:+{os.getpid()}", "127.0.0.1:", "elsewhere"],
    ids=["with a POSIX lock", "no number", "no lock"],
)
def test_other_symlinks_leave_it_to_the_posix_lock(lock: Path, target: str) -> None:
    lock.with_name("lock").symlink_to(target)
    with hold([lock], "Thunderbird"):
        pass
    with held(lock) as holder:
        assert f"(process {holder.pid})" in refused(lock)


def test_a_lock_file_that_is_a_link_is_not_followed(lock: Path) -> None:
    victim = lock.with_name("victim")
    lock.symlink_to(victim)
    with pytest.raises(Conflict) as caught, hold([lock], "Thunderbird"):
        pass
    assert caught.value.code == "file.unwritable"
    assert not victim.exists()


def test_a_lock_that_cannot_be_opened_is_explained(lock: Path) -> None:
    lock.mkdir()
    with pytest.raises(Conflict, match=r"\.parentlock cannot be opened for locking") as caught:
        hold([lock], "Thunderbird").__enter__()
    assert caught.value.code == "file.unwritable"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be someone else")
def test_a_process_of_another_user_is_alive_too(lock: Path) -> None:
    lock.touch()
    lock.chmod(0o666)
    lock.parent.chmod(0o777)
    lock.with_name("lock").symlink_to("127.0.0.1:1")

    def as_nobody() -> None:
        os.chdir(lock.parent)  # its parents are not open to others
        os.setuid(65534)
        refused(Path(".parentlock"))

    assert in_child(as_nobody) == 0


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get)
def test_a_file_system_without_locks_leaves_it_to_the_symlink(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_locks(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.lockf", no_locks)
    with locks.hold([tmp_path / ".parentlock"], "Thunderbird"):
        pass
    (tmp_path / "lock").symlink_to(f"127.0.0.1:{os.getpid()}")
    with pytest.raises(Conflict), locks.hold([tmp_path / ".parentlock"], "Thunderbird"):
        pass


def test_a_program_without_lock_or_socket_is_known_by_its_name(tmp_path: Path) -> None:
    for number, (comm, state) in enumerate([("balsa", "Z"), ("other (balsa)", "S"), ("balsa2", "R")], 70):
        (tmp_path / str(number)).mkdir()
        (tmp_path / f"{number}/stat").write_text(f"{number} ({comm}) {state} 1 1\n")
    assert not locks._runs("balsa", tmp_path)
    assert locks._runs("other (balsa)", tmp_path)
    (tmp_path / "70/stat").write_text("70 (balsa) S 1 1\n")
    assert locks._runs("balsa", tmp_path)


@pytest.mark.skipif(not Path("/proc/self/comm").exists(), reason="proc(5)")
def test_a_running_program_is_noticed() -> None:
    own = Path("/proc/self/comm").read_text().strip()
    with pytest.raises(Conflict, match="It is running"), locks.hold([locks.program(own)], "It"):
        pass
    with locks.hold([locks.program("no such program")], "It"):
        pass
