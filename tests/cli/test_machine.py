"""The doctor from the command line; the bench has tests of its own."""

import json

import pytest

from tests.cli.conftest import Run


@pytest.mark.host
def test_the_doctor_says_by_its_status_whether_labs_can_run(kvmlab: Run) -> None:
    done = kvmlab("doctor", "--json")

    report = json.loads(done.stdout)
    assert report["can_run_labs"] is True
    assert report["checks"] != []
    assert done.returncode == 0
