"""What must be known beside a figure, and arguments that are refused."""

from dataclasses import dataclass

import pytest

from kvmlab._run import LocalRunner
from kvmlab.errors import SpecError
from kvmlab.measure.facts import accelerator_of, check_range, check_target, described


@dataclass(frozen=True)
class Guest(LocalRunner):
    accelerator: str = "tcg"


def test_the_accelerator_is_that_of_the_guests() -> None:
    assert accelerator_of(LocalRunner(), Guest(), None) == "tcg"


def test_two_accelerators_are_both_named() -> None:
    assert accelerator_of(Guest(accelerator="tcg"), Guest(accelerator="kvm")) == "kvm, tcg"


def test_without_a_guest_there_is_no_accelerator() -> None:
    assert accelerator_of(LocalRunner(), None) == ""


@pytest.mark.parametrize("target", ["", "-f", "--help", "a b", "10.0.0.1\n"])
def test_what_is_no_address_is_refused(target: str) -> None:
    with pytest.raises(SpecError, match="neither an address nor a name"):
        check_target(target)


@pytest.mark.parametrize("value", [0, 11, float("nan")])
def test_a_value_out_of_range_is_refused_with_the_range(value: float) -> None:
    with pytest.raises(SpecError, match="streams is") as caught:
        check_range("streams", value, 1, 10)

    assert caught.value.hint == "use a value from 1 to 10"


def test_a_method_names_the_accelerator_when_there_is_one() -> None:
    assert described("ping x", "tcg") == "ping x; accelerator: tcg"
    assert described("ping x", "") == "ping x"
