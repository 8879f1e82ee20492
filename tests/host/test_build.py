"""The commands that build the world, and what is said when the kernel refuses one."""

import os
import sys

import pytest

from kvmlab._run import LocalRunner
from kvmlab.errors import CommandError
from kvmlab.host import build, world

#: In namespaces of its own, with a /run/netns of its own, as PID 1 of a lab has them.
SANDBOX = (
    *("unshare", *(() if os.geteuid() == 0 else ("--user", "--map-root-user", "--map-auto"))),
    *("--mount", "--net"),
    *("sh", "-c", 'mount -t tmpfs tmpfs /run; exec "$@"', "sh"),
)
BUILD = """
import sys
from kvmlab._run import LocalRunner
from kvmlab.errors import NetlinkError
from kvmlab.host import build
runner = LocalRunner("host")
runner.run(["sh", "-c", sys.argv[1]])
try:
    build.build_world(runner)
    print("built")
except NetlinkError as error:
    print(error)
"""


def build_after(preparation: str) -> str:
    done = LocalRunner("sandbox", SANDBOX).run([sys.executable, "-c", BUILD, preparation])
    return done.stdout.strip()


@pytest.mark.host
def test_it_is_built_from_nothing() -> None:
    assert build_after("true") == "built"


@pytest.mark.host
@pytest.mark.parametrize(
    ("preparation", "message"),
    [
        ("ip link add enp1s0 type bridge", "the kernel refused on 'host': ip link add name enp1s0"),
        ("ip netns add router", "the kernel refused on 'host': ip netns add router"),
    ],
)
def test_a_refused_command_is_quoted_with_its_host(preparation: str, message: str) -> None:
    said = build_after(preparation)

    assert said.startswith(message)
    assert "File exists" in said


def test_every_nic_is_plugged_in_once() -> None:
    lines = [line for _, lines in build._cables() for line in lines if "type veth" in line]

    assert len(lines) == len(world.NICS)


def test_every_port_is_on_the_switch() -> None:
    (ports,) = [lines for host, lines in build._far_ends() if host == "switch"]

    assert sum("master sw0" in line for line in ports) == sum(n.peer[0] == "switch" for n in world.NICS)


def test_an_unexpected_end_of_ip_is_still_an_error() -> None:
    with pytest.raises(CommandError):
        LocalRunner().run(["ip", "-batch", "-"], stdin="link frobnicate\n")
