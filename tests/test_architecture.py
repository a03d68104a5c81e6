"""The house stands: imports go one way, rooms stay small, nothing prints or writes where it should not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "provisioner"
MODULES = sorted(PACKAGE.rglob("*.py"))

LAYERS = (  # a module imports only from its own layer or the ones below
    {"__main__"},
    {"cli"},
    {"invocation", "options", "demo"},
    {"output", "terminal", "workflows"},
    {"nagios", "tables", "text", "documents"},
    {"report", "apply", "deed", "check", "directories", "journal", "archive"},
    {
        "clients",
        "exports",
        "plan",
        "shown",
        "locks",
        "atomic",
        "vetting",
        "attributes",
        "refusals",
        "keyring_changes",
        "seals",
        "passwords",
        "accounts",
        "accounts_file",
        "transcript",
        "anonymous",
    },
    {"edits", "render", "providers"},
    {"host", "resources", "shape", "quoting", "strict"},
    {"stores"},
    {"receipt"},
    {"model", "outcome", "masking"},
    {"items"},
    {"secret", "errors", "dated", "hardening", "login_causes", "marks", "nearby", "steps", ""},
)


def layer(name: str) -> int:
    for number, names in enumerate(LAYERS):
        if name in names:
            return number
    raise AssertionError(f"{name} has no layer: say in LAYERS where it belongs")


def imports(path: Path) -> set[str]:
    """The top-level parts of `provisioner` that a file imports, lazily or not, types apart."""
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "provisioner":
            parts = (node.module or "").split(".")
            found |= {parts[1]} if len(parts) > 1 else {_part(alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name.split(".")[1] for name in node.names if name.name.startswith("provisioner.")}
    return found


def _part(name: str) -> str:
    return "" if name.startswith("__") else name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    own = "" if parts == ("__init__",) else parts[0]
    for name in imports(path) - {own}:
        if (own, name) == ("cli", "invocation"):
            continue
        assert layer(name) >= layer(own), f"{path} imports {name}, which is above it"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_are_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 310


WRITERS = {"atomic.py", "locks.py", "journal.py"}
WRITING = re.compile(
    r"(?<!\batomic)\.(write_bytes|write_text|unlink|rename|replace\(temp|mkdir|rmdir|touch|chmod)\(|os\.(remove|unlink|rename|mkdir)\("
)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_atomic_doors_write(path: Path) -> None:
    if path.name in WRITERS or "demo" in path.parts:
        return
    assert not WRITING.search(path.read_text("utf-8"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_output_and_terminal_print(path: Path) -> None:
    if path.name in {"output.py", "terminal.py", "__main__.py"} or "demo" in path.parts:
        return
    text = path.read_text("utf-8")
    assert not re.search(r"\bprint\(|click\.s?echo\(|sys\.std(out|err)\.write", text)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_turns_verification_of_tls_off(path: Path) -> None:
    text = path.read_text("utf-8")
    for match in re.finditer(r"CERT_NONE|check_hostname\s*=\s*False|_create_unverified_context", text):
        line = text[: match.start()].count("\n") + 1
        around = "\n".join(text.splitlines()[max(0, line - 12) : line + 3])
        assert "sends nothing" in around, f"{path}:{line} must say that nothing is sent over it"


def test_the_project_speaks_of_itself_alone() -> None:
    telltale = re.compile("/" + "work/|fa" + "rm-studio|\\." + "library|shared/" + "facts")
    for path in ROOT.rglob("*"):
        if path.suffix in {".py", ".md", ".toml", ".yaml", ".j2"} and ".venv" not in path.parts:
            assert not telltale.search(path.read_text("utf-8")), path
