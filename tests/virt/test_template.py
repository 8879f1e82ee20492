"""Saved guests: made once, whole or not at all, and never changed by those that start from them."""

import dataclasses
import hashlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import libvirt
import pytest

import kvmlab as kl
from kvmlab._progress import Silent
from kvmlab.errors import ImageError, LibvirtError
from kvmlab.virt import template
from kvmlab.virt.connection import Connection
from kvmlab.virt.domain import Domain
from kvmlab.virt.origin import TemplateKey
from kvmlab.virt.template import Template
from tests.virt.conftest import BOUND_S, define

KEY = TemplateKey(
    image="a", machine="q35", accelerator="tcg", memory_mib=256, vcpus=1, qemu=7002000, devices="b"
)

#: Starts a domain with templates in a folder; prints the step at which a template boots.
STARTER = """\
import sys
from pathlib import Path
from kvmlab.virt.connection import Connection
from kvmlab.virt.domain import Domain

class Steps:
    def step(self, text, *, done=None):
        print(text, flush=True)

uri, name, templates = sys.argv[1:]
Domain(Connection(uri), name, templates=Path(templates)).start(progress=Steps())
"""


class Steps:
    """Remembers the steps."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def step(self, text: str, *, done: float | None = None) -> None:
        self.texts.append(text)


@pytest.fixture
def pair(lab: kl.Lab, tmp_path: Path) -> Iterator[list[Domain]]:
    """Two domains whose saved guest does not exist yet."""
    found = []
    for name in ("left", "right"):
        if name not in [domain.name for domain in lab.domains()]:
            define(lab, name)
        found.append(Domain(Connection(lab.uri), name, templates=tmp_path))
    yield found
    for domain in found:
        if domain.is_active:
            domain.destroy()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + BOUND_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def names_of_running(lab: kl.Lab) -> set[str]:
    # in one call: a transient domain may be gone before it could be asked
    active = lab.vir.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
    return {domain.name() for domain in active}


def folders(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir() if path.is_dir())


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(TemplateKey)])
def test_whatever_differs_makes_another_saved_guest(field: str) -> None:
    value = getattr(KEY, field)

    other = dataclasses.replace(KEY, **{field: value + (1 if isinstance(value, int) else "x")})

    assert other.digest() != KEY.digest()


def test_a_guest_without_its_state_is_not_a_saved_guest(tmp_path: Path) -> None:
    (tmp_path / "ram").touch()

    assert not Template(tmp_path, 256).exists()


def test_a_disk_that_is_too_small_is_named_before_anything_boots(tmp_path: Path) -> None:
    too_large = Template(tmp_path / "templates" / "digest", memory_mib=1 << 30)

    with pytest.raises(ImageError, match=f"needs {1 << 30} MiB in {tmp_path}/templates"):
        template.ensure(
            too_large, lambda name, _args: name, connection=Connection("test:///default"), progress=Silent()
        )

    assert folders(tmp_path / "templates") == []


@pytest.mark.vm
def test_two_guests_that_start_at_once_share_one_saved_guest(pair: list[Domain], tmp_path: Path) -> None:
    steps = [Steps(), Steps()]

    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda one: one[0].start(progress=one[1]), zip(pair, steps, strict=True)))

    boots = [text for one in steps for text in one.texts if text.startswith("booting")]
    assert len(boots) == 1
    assert len(folders(tmp_path)) == 1
    assert [guest.run(["hostname"]).stdout for guest in pair] == ["left\n", "right\n"]


@pytest.mark.vm
def test_no_guest_changes_the_saved_one(pair: list[Domain], tmp_path: Path) -> None:
    guest, other = pair
    guest.start(progress=Silent())
    (saved,) = (path for path in tmp_path.iterdir() if path.is_dir())
    before = {path.name: hashlib.sha256(path.read_bytes()).digest() for path in saved.iterdir()}

    guest.run(["sh", "-c", "head -c 50000000 /dev/zero >/dev/shm/fill; sync; rm /dev/shm/fill"])
    guest.destroy()

    assert {path.name: hashlib.sha256(path.read_bytes()).digest() for path in saved.iterdir()} == before
    assert other.start(progress=Silent()).run(["hostname"]).stdout == "right\n"


@pytest.mark.vm
def test_a_killed_process_leaves_no_guest_and_the_next_one_begins_anew(
    pair: list[Domain], lab: kl.Lab, tmp_path: Path
) -> None:
    before = names_of_running(lab)
    line = [sys.executable, "-c", STARTER, lab.uri, "left", str(tmp_path)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert next(process.stdout).startswith("booting")
        until(lambda: len(names_of_running(lab)) > len(before))
        process.send_signal(signal.SIGKILL)
    until(lambda: names_of_running(lab) == before)
    assert len(folders(tmp_path)) == 1

    pair[0].start(progress=Silent())

    (saved,) = folders(tmp_path)
    assert "unfinished" not in saved
    assert pair[0].run(["hostname"]).stdout == "left\n"


@pytest.mark.vm
def test_ctrl_c_while_it_boots_leaves_nothing(pair: list[Domain], lab: kl.Lab, tmp_path: Path) -> None:
    before = names_of_running(lab)
    line = [sys.executable, "-c", STARTER, lab.uri, "left", str(tmp_path)]

    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert next(process.stdout).startswith("booting")
        until(lambda: len(names_of_running(lab)) > len(before))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=BOUND_S)

    assert "KeyboardInterrupt" in said
    until(lambda: names_of_running(lab) == before)
    assert folders(tmp_path) == []
    assert pair[0].state == "shut off"


@pytest.mark.vm
def test_a_damaged_saved_guest_is_an_error_with_the_remedy(pair: list[Domain], tmp_path: Path) -> None:
    pair[0].start(progress=Silent()).destroy()
    (saved,) = (path for path in tmp_path.iterdir() if path.is_dir())
    with (saved / "state").open("r+b") as state:
        state.truncate(20_000)

    with pytest.raises(LibvirtError, match="'left'") as caught:
        pair[0].start(progress=Silent())

    assert "kvmlab image remove --templates" in caught.value.hint
    assert pair[0].state == "shut off"
