"""The course from the command line."""

from tests.cli.conftest import Run


def test_a_folder_that_cannot_be_made_is_named(kvmlab: Run) -> None:
    done = kvmlab("jupyter", "/dev/null/course")

    assert done.returncode == 1
    assert "the course cannot be put into /dev/null/course" in done.stderr
    assert "kvmlab jupyter FOLDER" in done.stderr
