"""A report says in the end whether labs can run, and shows how to mend what is missing."""

import json

import pytest

from kvmlab.doctor.report import Check, Report

GOOD = Check("tap", "ok", "works", "connects guests")
LIMIT = Check("KVM", "warning", "no <device>", "speed", "sudo modprobe kvm_intel")
BAD = Check("packages", "missing", "no dnsmasq", "DHCP", "sudo apt-get install dnsmasq-base")


@pytest.mark.parametrize(
    ("checks", "can_run"), [((), True), ((GOOD,), True), ((GOOD, LIMIT), True), ((GOOD, BAD), False)]
)
def test_labs_can_run_unless_something_is_missing(checks: tuple[Check, ...], can_run: bool) -> None:
    assert Report(checks).can_run_labs is can_run


@pytest.mark.parametrize(
    ("checks", "summary"),
    [
        ((GOOD,), "Labs can run here."),
        ((GOOD, LIMIT), "Labs can run here, with 1 limitation."),
        ((LIMIT, GOOD, LIMIT), "Labs can run here, with 2 limitations."),
        ((LIMIT, BAD), "Labs cannot run here: packages."),
    ],
)
def test_the_summary_is_one_sentence(checks: tuple[Check, ...], summary: str) -> None:
    assert Report(checks).summary == summary
    assert str(Report(checks)).splitlines()[-1] == summary


def test_text_shows_the_fix_only_where_something_is_to_be_mended() -> None:
    text = str(Report((GOOD, BAD)))

    assert "sudo apt-get install dnsmasq-base" in text
    assert "connects guests" not in text


def test_html_shows_markup_of_observations_as_text() -> None:
    html = Report((LIMIT,))._repr_html_()

    assert "no &lt;device&gt;" in html
    assert "<device>" not in html


def test_a_notebook_shows_first_what_is_to_be_mended_and_folds_up_the_rest() -> None:
    html = Report((GOOD, LIMIT, BAD))._repr_html_()

    places = [html.index(word) for word in ("packages", "KVM", "<details>", "What is fine (1)", "tap")]
    assert places == sorted(places)


def test_the_dictionary_is_json_and_keeps_the_order() -> None:
    data = json.loads(json.dumps(Report((BAD, GOOD)).to_dict()))

    assert data["can_run_labs"] is False
    assert [check["name"] for check in data["checks"]] == ["packages", "tap"]
    assert set(data["checks"][0]) == {"name", "outcome", "observed", "why", "fix"}
