"""What ``import kvmlab`` promises."""

import inspect
import subprocess
import sys

import pytest

import kvmlab

HEAVY = ("IPython", "graphviz", "ipywidgets", "libvirt", "matplotlib", "pandas", "pyroute2", "rich", "typer")


def test_public_names_are_sorted() -> None:
    assert list(kvmlab.__all__) == sorted(kvmlab.__all__)


@pytest.mark.parametrize("name", kvmlab.__all__)
def test_a_public_name_exists_and_is_documented(name: str) -> None:
    thing = getattr(kvmlab, name)

    assert name == "__version__" or inspect.getdoc(thing)


@pytest.mark.parametrize("name", kvmlab.__all__)
def test_public_methods_are_documented(name: str) -> None:
    thing = getattr(kvmlab, name)
    if not inspect.isclass(thing) or not thing.__module__.startswith("kvmlab"):
        return

    public = [member for key, member in vars(thing).items() if inspect.isfunction(member) and key[0] != "_"]

    assert [member.__name__ for member in public if not inspect.getdoc(member)] == []


def test_a_name_that_does_not_exist_is_refused() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = kvmlab.no_such_name


def test_importing_loads_nothing_heavy() -> None:
    program = f"import sys, kvmlab; print([name for name in {HEAVY} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_names_are_offered_for_completion() -> None:
    assert set(kvmlab.__all__) <= set(dir(kvmlab))
