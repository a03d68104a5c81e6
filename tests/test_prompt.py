"""The hidden prompt asks again, but not for ever."""

from __future__ import annotations

import pytest

from provisioner.errors import UsageError
from provisioner.passwords import from_prompt


class Person:
    """Types one answer after the other."""

    def __init__(self, *answers: str | UsageError) -> None:
        self.answers, self.prompts = list(answers), list[str]()

    def ask(self, prompt: str) -> str:
        self.prompts.append(prompt)
        answer = self.answers.pop(0)
        if isinstance(answer, UsageError):
            raise answer
        return answer


@pytest.mark.parametrize("useless", ["", " \t", "a\nb", "a\0b"])
def test_a_useless_answer_is_explained_and_asked_again(useless: str) -> None:
    person = Person(useless, useless, "secret")
    assert from_prompt("Password: ", person.ask, None).reveal() == "secret"
    first, second, third = person.prompts
    assert first == "Password: "
    why, again = second.splitlines()
    assert why.startswith("The password ")
    assert again == "Password: "
    assert third == second


def test_the_third_useless_answer_ends_it() -> None:
    person = Person("", "", "", "secret")
    with pytest.raises(UsageError) as caught:
        from_prompt("Password: ", person.ask, None)
    assert caught.value.code == "password.empty"
    assert len(person.prompts) == 3


def test_without_a_terminal_it_is_asked_once() -> None:
    person = Person(UsageError("There is no terminal.", code="password.no_terminal"), "secret")
    with pytest.raises(UsageError, match="no terminal"):
        from_prompt("Password: ", person.ask, None)
    assert len(person.prompts) == 1
