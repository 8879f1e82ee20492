"""Plans: what they refuse, and the order that follows from a seed."""

from collections import Counter

import pytest

from kvmlab.errors import SpecError
from kvmlab.experiment import FACTORS, MEASURES, Plan
from kvmlab.experiment.factors import MODES

TWO_BY_TWO = {"mode": ["nat", "bridged"], "model": ["virtio", "rtl8139"]}


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"colour": ["blue"]}, "factor 'colour' is unknown"),
        ({"mode": ["host"]}, "mode 'host' is unknown"),
        ({"model": ["rtl8129"]}, "NIC model 'rtl8129' is unknown"),
        ({"mtu": [67]}, "mtu is 67"),
        ({"mtu": [65536]}, "mtu is 65536"),
        ({"mtu": ["big"]}, "mtu is 'big'"),
        ({"queues": [1.5]}, "queues is 1.5"),
        ({"offloads": ["tso"]}, "offloads 'tso' cannot be set"),
        ({"offloads": ["tso maybe"]}, "cannot be set"),
        ({"without": ["tso4"]}, "feature 'tso4' is unknown"),
        ({"rate_mbit_s": [-1]}, "rate_mbit_s is -1"),
        ({"guests": [0]}, "guests is 0"),
        ({"direction": ["up"]}, "direction 'up' is unknown"),
        ({"mode": []}, "factor 'mode' has no levels"),
        ({"mode": "nat"}, "factor 'mode' has no levels"),
        ({"mode": ["nat", "nat"]}, "factor 'mode' has a level twice"),
    ],
)
def test_what_cannot_be_varied_is_refused(factors: dict[str, list[object]], message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        Plan(factors=factors)  # type: ignore[arg-type]

    assert caught.value.hint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repeats": 0}, "repeats is 0"),
        ({"repeats": 2.5}, "repeats is 2.5"),
        ({"measures": ()}, "nothing is to be measured"),
        ({"measures": ("speed",)}, "measure 'speed' is unknown"),
        ({"measures": ("cpu",)}, "'cpu' is measured while there is TCP traffic"),
        ({"measures": ("requests",), "duration_s": 1}, "requests need 2 s"),
        ({"duration_s": 0}, "duration_s is 0"),
        ({"pings": 0}, "pings is 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Plan(factors={}, **options)  # type: ignore[arg-type]


def test_every_combination_is_measured_as_often_as_asked_for() -> None:
    plan = Plan(factors=TWO_BY_TWO, repeats=3)

    counts = Counter((trial.point["mode"], trial.point["model"]) for trial in plan.trials())

    assert set(counts.values()) == {3}
    assert len(counts) == 4
    assert [trial.index for trial in plan.trials()] == list(range(12))


def test_all_points_are_measured_before_any_is_measured_again() -> None:
    trials = Plan(factors=TWO_BY_TWO, repeats=5).trials()

    for repeat in range(5):
        block = trials[4 * repeat : 4 * repeat + 4]
        assert {trial.repeat for trial in block} == {repeat}
        assert len({(t.point["mode"], t.point["model"]) for t in block}) == 4


def test_the_order_is_random_but_follows_from_the_seed() -> None:
    def order(seed: int) -> list[tuple[object, object]]:
        trials = Plan(factors=TWO_BY_TWO, repeats=5, seed=seed).trials()
        return [(trial.point["mode"], trial.point["model"]) for trial in trials]

    assert order(1) == order(1)
    assert order(1) != order(2)
    assert order(1)[:4] != order(1)[4:8]


def test_factors_that_are_not_named_have_their_default() -> None:
    (point,) = Plan(factors={}).points

    assert point == {name: factor.default for name, factor in FACTORS.items()}


def test_a_plan_survives_json() -> None:
    plan = Plan(factors=TWO_BY_TWO, repeats=2, measures=("tcp", "cpu"), seed=7)

    assert Plan.from_dict(plan.to_dict()) == plan
    assert Plan.from_dict(plan.to_dict()).digest == plan.digest


def test_what_is_no_plan_is_refused() -> None:
    with pytest.raises(SpecError, match="no plan"):
        Plan.from_dict({"factors": {}, "colour": 1})


@pytest.mark.parametrize("name", FACTORS)
def test_the_default_of_a_factor_is_one_of_its_levels(name: str) -> None:
    FACTORS[name].check(FACTORS[name].default)


def test_columns_carry_their_units() -> None:
    endings = ("_ms", "_mbit_s", "_percent", "_per_s", "_gbyte", "_mbyte", "_retransmits", "_packets")

    assert [c for columns in MEASURES.values() for c in columns if not c.endswith(endings)] == []


def test_a_trial_is_told_by_what_differs_from_the_defaults() -> None:
    trials = Plan(factors={"mode": ["bridged", "nat"], "mtu": [9000]}, repeats=1).trials()

    assert {trial.label for trial in trials} == {"9000", "nat 9000"}
    assert set(MODES) >= {"bridged", "nat", "host-only", "direct-bridge"}
