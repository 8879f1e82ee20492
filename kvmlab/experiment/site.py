"""Where an experiment takes place: a lab of its own, with a station for each configuration.

A *station* is one guest or several with the other end of their traffic. Each
configuration has its own, made once: what one changes (MTU, offloads, limits)
never has to be taken back for another. All but the one that is measured are
suspended, so that they cost nothing.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Protocol

from kvmlab._progress import Silent
from kvmlab._run import Runner
from kvmlab.changes import add_routes, make_bridge
from kvmlab.errors import KvmlabError, SpecError
from kvmlab.experiment.factors import FACTORS, INDIRECT, Level, features
from kvmlab.experiment.settings import set_path_mtu, set_up_guest
from kvmlab.host import world
from kvmlab.lab import Lab, start_all
from kvmlab.reach.direct import direct_nic
from kvmlab.spec.bridge import BridgeSpec
from kvmlab.spec.domain import DomainSpec
from kvmlab.spec.interface import InterfaceSpec
from kvmlab.spec.network import NetworkSpec
from kvmlab.spec.source import Direct
from kvmlab.spec.user import UserMode
from kvmlab.virt.domain import Domain

#: Guests that exist at the same time; each holds some 150 MB.
GUEST_LIMIT = 10
#: NICs of the lab's host: one carries the bridge, the other one the host's own address.
_BRIDGED_UPLINK, _OWN_UPLINK = "enp2s0", "enp1s0"
_HOST_ONLY_ADDRESS = "192.168.51.1"

Key = tuple[Level, ...]


@dataclass(slots=True)
class Station:
    """Guests that are measured, and the other end of their traffic.

    Attributes
    ----------
    guests
        One or more; all in the same configuration.
    peer
        Where servers are started.
    target
        Address of the peer, as the guests see it.
    links
        The guests' own name of each NIC.
    is_warm
        Whether there was traffic that is not counted.
    limiter
        What limits the rate; empty if nothing does.
    """

    guests: tuple[Domain, ...]
    peer: Runner
    target: str
    links: tuple[str, ...] = ()
    is_warm: bool = False
    limiter: str = ""


class Site(Protocol):
    """Anything that has a station for a point of a plan."""

    @property
    def name(self) -> str:
        """Name shown beside results."""
        ...

    def at(self, point: Mapping[str, Level]) -> contextlib.AbstractContextManager[Station]:
        """Give the station of a point, ready to be measured; it rests afterwards."""
        ...

    def close(self) -> None:
        """End all that the site made."""
        ...


@dataclass(frozen=True, slots=True)
class GivenSite:
    """A guest that is there already, such as one of your own libvirt's; only its traffic is varied.

    Attributes
    ----------
    guest
        The guest.
    target
        Address of the other end, as the guest sees it.
    server
        Where servers are started for each measurement.
    link
        The guest's own name of its NIC, for what counts interrupts and drops.
    """

    guest: Domain
    target: str
    server: Runner
    link: str = "eth0"

    @property
    def name(self) -> str:
        """Name shown beside results."""
        return self.guest.name

    @contextlib.contextmanager
    def at(self, point: Mapping[str, Level]) -> Iterator[Station]:
        """Give the guest as it is.

        Raises
        ------
        SpecError
            If the point asks for something that would have to be built.
        """
        built = [n for n, factor in FACTORS.items() if factor.is_built and point[n] != factor.default]
        if built:
            raise SpecError(
                f"guest {self.name!r} is taken as it is: {built[0]} cannot be varied",
                hint="leave site= out, and kvmlab builds guests in a lab of its own",
            )
        yield Station((self.guest,), self.server, self.target, (self.link,), is_warm=True)

    def close(self) -> None:
        """Leave the guest as it is."""


@dataclass(slots=True)
class LabSite:
    """A lab that is started when it is first needed; several plans can share it, and its guests.

    Parameters
    ----------
    name
        Name of the lab; one of that name that still runs is ended.

    Examples
    --------
    ::

        with kl.LabSite("cards") as site:
            first = kl.run_experiment(plan, site=site)
            again = kl.run_experiment(plan, site=site)
    """

    name: str
    _lab: Lab | None = None
    _mtu: int = 1500
    _modes: set[str] = field(default_factory=set)
    _stations: dict[Key, Station] = field(default_factory=dict)
    _numbers: int = 0

    @property
    def lab(self) -> Lab:
        """The lab."""
        if self._lab is None:
            self._lab = Lab.start(self.name, replace=True, progress=Silent())
        return self._lab

    def __enter__(self) -> "LabSite":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the lab."""
        if self._lab is not None:
            with contextlib.suppress(KvmlabError):  # it ended by itself
                self._lab.stop()
        self._lab, self._mtu = None, 1500
        self._modes.clear()
        self._stations.clear()

    @contextlib.contextmanager
    def at(self, point: Mapping[str, Level]) -> Iterator[Station]:
        """Give the station of a point; if the block fails, it is made anew the next time."""
        key = tuple(point[name] for name, factor in FACTORS.items() if factor.is_built)
        try:
            station = self._awake(key, point)
            self._let_pass(int(point["mtu"]))
            yield station
            for guest in station.guests:
                guest.suspend()
        except BaseException:
            self._discard(key)
            raise

    def _let_pass(self, mtu: int) -> None:
        """Let the lab's links carry packets of this size; a new tap has the usual one."""
        if mtu != self._mtu or mtu != FACTORS["mtu"].default:
            set_path_mtu(self.lab, mtu)
            self._mtu = mtu

    def _awake(self, key: Key, point: Mapping[str, Level]) -> Station:
        found = self._stations.pop(key, None)
        if found is not None:
            for guest in found.guests:
                guest.resume()
        else:
            self._make_room(int(point["guests"]))
            found = self._made(point)
        self._stations[key] = found  # the one used last is at the end
        return found

    def _make_room(self, wanted: int) -> None:
        while self._stations and self._count() + wanted > GUEST_LIMIT:
            self._discard(next(iter(self._stations)))

    def _count(self) -> int:
        return sum(len(station.guests) for station in self._stations.values())

    def _discard(self, key: Key) -> None:
        """Destroy a station; of what broke already nothing is left to destroy."""
        station = self._stations.pop(key, None)
        for guest in station.guests if station else ():
            for end in (guest.destroy, guest.undefine):
                with contextlib.suppress(KvmlabError):
                    end()

    def _made(self, point: Mapping[str, Level]) -> Station:
        mode = str(point["mode"])
        if mode not in self._modes:
            _SET_UP[mode](self.lab)
            self._modes.add(mode)
        guests: list[Domain] = []
        try:
            for _ in range(int(point["guests"])):
                self._numbers += 1
                guests.append(self.lab.define(_domain(self.lab, f"x{self._numbers}", point)))
            start_all(guests, progress=Silent())
            station = Station(tuple(guests), *_other_end(self.lab, mode))
            set_up_guests(station, self.lab, point)
        except BaseException:
            for guest in guests:
                for end in (guest.destroy, guest.undefine):
                    with contextlib.suppress(KvmlabError):
                        end()
            raise
        return station


def set_up_guests(station: Station, lab: Lab, point: Mapping[str, Level]) -> None:
    """Apply what is set in a guest that runs."""
    for guest in station.guests:
        link = guest.links()[0].name
        station.links += (link,)
        station.limiter = set_up_guest(guest, link, lab.host, point)


def _other_end(lab: Lab, mode: str) -> tuple[Runner, str]:
    return (lab.host, _HOST_ONLY_ADDRESS) if mode == "host-only" else (lab.pc, world.PC_ADDRESS)


def _domain(lab: Lab, name: str, point: Mapping[str, Level]) -> DomainSpec:
    wanted = features(point["without"])
    nic = replace(
        _NICS[str(point["mode"])](lab, name, str(point["model"])),
        queues=int(point["queues"]),
        without=tuple(feature for feature in wanted if feature != INDIRECT),
    )
    lacks_indirect = ("-global", f"virtio-net-pci.{INDIRECT}=off") if INDIRECT in wanted else ()
    return DomainSpec(name=name, vcpus=int(point["queues"]), interfaces=(nic,), qemu_args=lacks_indirect)


def _on(network: str) -> Callable[[Lab, str, str], InterfaceSpec]:
    return lambda _lab, _name, model: InterfaceSpec(network=network, model=model)


#: NIC of a domain in each mode.
_NICS: Mapping[str, Callable[[Lab, str, str], InterfaceSpec]] = {
    "bridged": lambda _lab, _name, model: InterfaceSpec(bridge="br0", model=model),
    "nat": _on("nat"),
    "routed": _on("routed"),
    "host-only": _on("host-only"),
    "direct-bridge": lambda lab, name, model: direct_nic(lab, name, Direct(dev=_OWN_UPLINK), model=model),
    "user": lambda _lab, _name, model: InterfaceSpec(source=UserMode(), model=model),
}


def _routed(lab: Lab) -> None:
    network = NetworkSpec(name="routed", subnet="192.168.52.0/24", forward="route")
    lab.define(network).start()
    add_routes(lab, network)


#: What has to be made once before a guest is connected in a mode.
_SET_UP: Mapping[str, Callable[[Lab], object]] = {
    "bridged": lambda lab: make_bridge(lab, BridgeSpec(name="br0", uplink=_BRIDGED_UPLINK)),
    "nat": lambda lab: lab.define(NetworkSpec(name="nat", subnet="192.168.50.0/24", forward="nat")).start(),
    "routed": _routed,
    "host-only": lambda lab: lab.define(NetworkSpec(name="host-only", subnet="192.168.51.0/24")).start(),
    "direct-bridge": lambda lab: lab.host,
    "user": lambda lab: lab.host,
}
