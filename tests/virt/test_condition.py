"""The state of a domain, and the last words of its guest."""

from pathlib import Path

from kvmlab.virt import condition

PANIC = """\
[    8.993312] eth0: link up
[    9.150871] Kernel panic - not syncing: sysrq triggered crash
[    9.151029] CPU: 0 PID: 145 Comm: sh Not tainted 6.1.0 #1
[    9.151215] Call Trace:
"""


def xml(log: str) -> str:
    return f'<domain><devices><serial type="pty"><log file="{log}"/></serial></devices></domain>'


def test_of_a_panic_the_first_lines_are_shown() -> None:
    found = condition.last_words(PANIC, lines=2)

    assert found.splitlines() == PANIC.splitlines()[1:3]


def test_of_two_panics_the_later_one_counts() -> None:
    found = condition.last_words(PANIC + "[    0.0] booting again\n" + PANIC, lines=99)

    assert found.count("Kernel panic") == 1


def test_otherwise_it_is_the_last_lines() -> None:
    assert condition.last_words("one\ntwo\nthree\n", lines=2) == "two\nthree"


def test_a_console_that_said_nothing_has_no_tail(tmp_path: Path) -> None:
    (tmp_path / "log").touch()

    assert condition.console_tail(xml(str(tmp_path / "log"))) == ""


def test_a_console_whose_log_is_not_there_has_no_tail(tmp_path: Path) -> None:
    assert condition.console_tail(xml(str(tmp_path / "none"))) == ""


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"booting \xff\n")

    assert condition.console_tail(xml(str(tmp_path / "log"))) == "booting \ufffd"
