"""A lab with a guest of the bench, and what plain QEMU needs to run the same guest."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.bench import scene
from kvmlab.bench.rawkit import Place, RawKit
from kvmlab.virt.domain import Domain


@dataclass(frozen=True)
class Scene:
    lab: kl.Lab
    guest: Domain
    kit: RawKit
    place: Place


@pytest.fixture(scope="package")
def stage() -> Iterator[Scene]:
    """The guest does not run, but its saved one exists."""
    with scene.lab_with_network() as lab:
        guest = scene.define_guest(lab, "vm1")
        guest.start(progress=Silent()).destroy()
        yield Scene(lab, guest, RawKit.of(lab, guest), scene.raw_place(lab))
