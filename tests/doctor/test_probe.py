"""What is tried inside says in the kernel's words what does not work."""

from kvmlab.doctor.features import Feature
from kvmlab.doctor.probe import mapped_ids, try_command, try_feature


def test_a_command_that_works_says_nothing() -> None:
    assert try_command("true") == ""


def test_a_command_that_fails_says_why_in_one_line() -> None:
    assert try_command("ls /no/such/directory").startswith("ls: ")
    assert "\n" not in try_command("ls /no/such/a /no/such/b")


def test_a_silent_failure_gives_its_status() -> None:
    assert try_command("false") == "false: status 1"


def test_a_program_that_is_not_installed_is_named() -> None:
    assert "no-such-program" in try_command("no-such-program --help")


def test_the_first_failing_command_of_a_feature_counts() -> None:
    feature = Feature(name="x", commands=("true", "ls /no/a", "ls /no/b"), why="", option="")

    assert "/no/a" in try_feature(feature)


def test_ranges_of_ids_are_added_up() -> None:
    assert mapped_ids("         0          0 4294967295\n") == 4294967295
