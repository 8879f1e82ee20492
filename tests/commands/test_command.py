"""A command as text: what a shell reads is what was meant."""

import pytest

from kvmlab._run import LocalRunner
from kvmlab.commands import Command

MANY = tuple(f"--option-{number}={number}" for number in range(40))


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("one word", "$HOME", "--an", "option's", "\\", "a\nb"),
        MANY,
        ("--option", *MANY, "--last", 120 * "x", "y"),
    ],
)
def test_a_shell_reads_the_words_that_were_meant(words: tuple[str, ...]) -> None:
    text = str(Command(("printf", r"%s\0", *words), "Print each word"))

    printed = LocalRunner().run(["sh", "-c", text]).stdout

    assert printed.split("\0")[:-1] == list(words or ("",))


def test_a_long_command_is_shown_in_lines_that_fit_a_cell() -> None:
    lines = str(Command(("dnsmasq", *MANY), "Serve")).splitlines()

    assert max(map(len, lines)) <= 94
    assert len(lines) > 5


def test_a_command_that_fits_is_one_line() -> None:
    assert str(Command(("ip", "link"), "Show the links", where="pc")) == "# Show the links (on pc)\nip link"


def test_what_it_reads_is_a_here_document_that_no_line_of_it_ends() -> None:
    command = Command(("cat",), "Print", stdin="<a>\nEOF\n$HOME\n")

    assert LocalRunner().run(["sh", "-c", str(command)]).stdout == "<a>\nEOF\n$HOME\n"
