"""A guest is marked while it starts, and told from one whose starter is gone."""

import os
import subprocess
import sys

from kvmlab.virt import unfinished

DOMAIN = "<domain><name>vm1</name><metadata><own xmlns='urn:own'/></metadata></domain>"


def test_a_guest_that_this_process_starts_is_not_abandoned() -> None:
    assert not unfinished.is_abandoned(unfinished.marked(DOMAIN))


def test_a_guest_whose_starter_ended_is_abandoned() -> None:
    program = f"from kvmlab.virt import unfinished; print(unfinished.marked({DOMAIN!r}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert unfinished.is_abandoned(done.stdout)


def test_a_later_process_with_the_same_number_is_another_one() -> None:
    marked = unfinished.marked(DOMAIN)
    since = unfinished._since(os.getpid())

    assert unfinished.is_abandoned(marked.replace(f'since="{since}"', 'since="1"'))


def test_a_guest_without_a_mark_is_not_abandoned() -> None:
    assert not unfinished.is_abandoned(DOMAIN)


def test_what_the_metadata_had_stays() -> None:
    assert "urn:own" in unfinished.marked(DOMAIN)
