"""The tree in the docstring of kvmlab.errors is the tree of its classes."""

import inspect
import re

import pytest

from kvmlab import errors

MESSAGE_FIRST = {
    errors.ExecutableNotFound: ("qemu",),
    errors.DaemonError: ("libvirtd", "ended"),
    errors.CommandError: (("false",), 1, "", "no"),
    errors.GuestError: ("vm1", "is shut off"),
}
TREE = [line for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")]


def documented() -> dict[str, str]:
    """Parent of each class, by name, as the tree in the docstring shows it."""
    found: dict[str, str] = {}
    path: list[str] = []
    for line in TREE:
        name = re.search(r"[A-Z]\w+", line)
        assert name is not None
        depth = (name.start() - 4) // 4
        path[depth:] = [name.group()]
        found[name.group()] = path[depth - 1] if depth else "Exception"
    return found


def classes() -> dict[str, type[errors.KvmlabError]]:
    return {
        name: found
        for name, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, errors.KvmlabError)
    }


def make(kind: type[errors.KvmlabError], **options: str) -> errors.KvmlabError:
    bound = {"after_s": 3.0} if issubclass(kind, errors.Timeout) else {}
    return kind(*MESSAGE_FIRST.get(kind, ("it happened",)), **bound, **options)  # type: ignore[arg-type]


def test_the_documented_tree_is_the_tree_of_the_classes() -> None:
    expected = {name: found.__mro__[1].__name__ for name, found in classes().items()}

    assert documented() == expected


def test_what_the_tree_says_of_attributes_and_builtin_bases_is_true() -> None:
    for line in TREE:
        name = re.search(r"[A-Z]\w+", line)
        assert name is not None
        error = make(classes()[name.group()])
        for attribute in re.findall(
            r"\.([a-z]\w*)(?!\w*Error)", line.split(name.group(), 1)[1].replace("libvirt.", "")
        ):
            assert hasattr(error, attribute), f"{name.group()}.{attribute}"
        for base in re.findall(r"also (\w+Error)", line):
            assert isinstance(error, __builtins__[base])  # type: ignore[index]


@pytest.mark.parametrize("kind", classes().values(), ids=lambda kind: kind.__name__)
def test_every_class_says_when_it_occurs(kind: type[errors.KvmlabError]) -> None:
    assert kind.__doc__


@pytest.mark.parametrize(
    "kind", [k for k in classes().values() if k is not errors.CommandError], ids=lambda kind: kind.__name__
)
def test_a_hint_is_shown_under_the_traceback(kind: type[errors.KvmlabError]) -> None:
    error = make(kind, hint="look there")

    assert error.hint == "look there"
    assert error.__notes__ == ["Hint: look there"]


def test_without_a_hint_nothing_is_noted() -> None:
    error = errors.LabError("no such lab")

    assert not hasattr(error, "__notes__")


def test_a_missing_program_points_to_doctor() -> None:
    error = errors.ExecutableNotFound("qemu-system-x86_64")

    assert str(error) == "program 'qemu-system-x86_64' is not installed"
    assert "kvmlab doctor" in error.hint


def test_a_failed_command_shows_what_it_said() -> None:
    error = errors.CommandError(("ip", "link"), 2, "", "no permission\n")

    assert str(error) == "'ip link' ended with status 2: no permission"


def test_a_failed_guest_shows_the_end_of_its_console() -> None:
    error = errors.GuestError("vm1", "is crashed", console_tail="Kernel panic")

    assert str(error) == "guest 'vm1': is crashed\nits console ends with:\nKernel panic"


def test_a_timeout_says_how_long_was_waited() -> None:
    error = errors.CommandTimeout("'sleep 9' did not end", after_s=2.5)

    assert str(error) == "'sleep 9' did not end (waited 2.5 s)"
    assert error.after_s == 2.5
