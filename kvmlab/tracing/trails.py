"""From the points where a packet was seen to its way in a topology."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kvmlab.topology import Sight
from kvmlab.tracing import pcap
from kvmlab.tracing.hop import Hop
from kvmlab.tracing.rules import RuleHit


@dataclass(frozen=True, slots=True)
class End:
    """Where a packet died.

    Attributes
    ----------
    interface
        Where it, or its answer, was last seen, as HOST/LINK; empty for nowhere.
    note
        What happened there.
    is_forwarded
        Whether a rule about forwarded packets decided.
    """

    interface: str
    note: str
    is_forwarded: bool = False


def sights(hops: Sequence[Hop]) -> Iterator[Sight]:
    """Yield the points as places of a topology; servers stand behind the provider's router."""
    for hop in hops:
        is_answer = hop.what in pcap.ANSWERS
        here = Sight(hop.number, f"{hop.host}/{hop.link}", is_answer, hop.direction == "out")
        if hop.host != "internet":
            yield here
        elif is_answer:
            yield from (Sight(hop.number, f"internet/{hop.source}", is_answer), here)
        else:
            yield from (here, Sight(hop.number, f"internet/{hop.destination}", is_answer))


def end(hops: Sequence[Hop], killer: RuleHit | None) -> End:
    """Return where a packet that was not answered died.

    Parameters
    ----------
    hops
        Where it, its answer and reports of its fate were seen.
    killer
        The rule of the KVM host that dropped it; None if none did.
    """
    asked = [hop for hop in hops if hop.what not in pcap.ANSWERS]
    replied = [hop for hop in hops if hop.what in pcap.REPLIES]
    if killer is not None:
        on_host = [hop for hop in replied or asked if hop.host == "host"]
        words = (killer.family, killer.table, f"{killer.chain}:", killer.rule)
        is_forwarded = killer.hook == "forward"
        return End(_place(on_host), " ".join(words), is_forwarded)
    if not asked:
        return End("", "its sender knows no way")
    if asked[-1].what == pcap.ARP_QUESTION:
        return End(_place(asked[:1]), f"nobody says who has {asked[0].destination}")
    if replied:
        return End(_place(replied), "the answer is seen no further")
    reports = [f"{hop.source} reports: {hop.what}" for hop in hops if hop.what in pcap.REPORTS]
    return End(_place(asked), reports[0] if reports else "seen no further")


def _place(hops: Sequence[Hop]) -> str:
    return f"{hops[-1].host}/{hops[-1].link}" if hops else ""
