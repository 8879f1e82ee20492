"""Commands that measure: instruments between two ends, and whole experiments."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kvmlab.cli import choice, experiment
from kvmlab.cli.inside import HOSTS, with_guest
from kvmlab.cli.output import JsonOption, print_json

if TYPE_CHECKING:
    from kvmlab._run import Runner

app = typer.Typer(help="Measure between guests and hosts, and run experiments.", no_args_is_help=True)
app.command(name="run")(experiment.run)
app.command(name="factors")(experiment.factors)
app.command(name="show")(experiment.show)
app.command(name="compare")(experiment.compare)

#: This machine, where neither a guest nor a host of a lab is meant.
HERE = "here"

Where = Annotated[
    str,
    typer.Argument(metavar="WHERE", help=f"A guest, a host of the lab ({', '.join(HOSTS)}), or `{HERE}`."),
]
Target = Annotated[str, typer.Argument(metavar="TARGET", help="Address of the other end, as WHERE sees it.")]
Uri = Annotated[
    str,
    typer.Option("--connect", "-c", metavar="URI", help="Guests are those of this libvirt, not of a lab."),
]
Server = Annotated[
    str,
    typer.Option(
        "--server",
        metavar="WHERE",
        show_default=False,
        help="Start a server there; by default one must listen.",
    ),
]
Reverse = Annotated[bool, typer.Option("--reverse", help="Let the other end send.")]
Seconds = Annotated[int, typer.Option("--time", "-t", metavar="SECONDS", min=1, help="Seconds of traffic.")]
Repeats = Annotated[int, typer.Option(min=1, help="How often.")]


def _runner(where: str, lab: str, uri: str) -> "Runner":
    """Return what runs commands where something is meant to run."""
    if where == HERE:
        from kvmlab._run import LocalRunner

        return LocalRunner()
    if uri:
        from kvmlab.virt.anywhere import guest

        return guest(where, uri=uri)
    name = choice.chosen(lab)
    if where in HOSTS:
        from kvmlab import lab as labs

        found: Runner = getattr(labs.Lab.attach(name), where)
        return found
    return with_guest(name, where).domain(where)


def _ends(where: str, server: str, lab: str, uri: str) -> "tuple[Runner, Runner | None]":
    return _runner(where, lab, uri), _runner(server, lab, uri) if server else None


def _show(result: Any, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(result))
    else:
        print(result)


def _with_server(instrument: Callable[..., Any], where: str, target: str, options: dict[str, Any]) -> None:
    """Measure between two ends, one of which may need a server."""
    as_json = options.pop("as_json")
    client, server = _ends(where, options.pop("server"), options.pop("lab"), options.pop("uri"))
    _show(instrument(client, target, server=server, **options), as_json=as_json)


@app.command()
def ping(
    where: Where,
    target: Target,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Requests.")] = 20,
    lab: choice.LabOption = "",
    uri: Uri = "",
    as_json: JsonOption = False,
) -> None:
    """Measure round-trip times by ping: median, quantiles, jitter, loss."""
    from kvmlab.measure.ping import ping as measure

    _show(measure(_runner(where, lab, uri), target, count=count), as_json=as_json)


@app.command()
def tcp(
    where: Where,
    target: Target,
    server: Server = "",
    reverse: Reverse = False,
    seconds: Seconds = 3,
    repeats: Repeats = 1,
    streams: Annotated[int, typer.Option(min=1, help="Connections at the same time.")] = 1,
    lab: choice.LabOption = "",
    uri: Uri = "",
    as_json: JsonOption = False,
) -> None:
    """Measure TCP throughput by iperf3, with retransmits."""
    from kvmlab.measure.iperf3 import iperf3

    options = {"server": server, "lab": lab, "uri": uri, "as_json": as_json, "reverse": reverse}
    options |= {"duration_s": seconds, "repeats": repeats, "streams": streams}
    _with_server(iperf3, where, target, options)


@app.command()
def udp(
    where: Where,
    target: Target,
    server: Server = "",
    reverse: Reverse = False,
    seconds: Seconds = 2,
    repeats: Repeats = 1,
    rate: Annotated[
        float | None,
        typer.Option(metavar="MBIT_S", show_default=False, help="Offered load; as fast as the sender can."),
    ] = None,
    lab: choice.LabOption = "",
    uri: Uri = "",
    as_json: JsonOption = False,
) -> None:
    """Offer UDP by iperf3 and measure what arrives of it, loss, jitter."""
    from kvmlab.measure.udp import udp as measure

    options = {"server": server, "lab": lab, "uri": uri, "as_json": as_json, "reverse": reverse}
    options |= {"duration_s": seconds, "repeats": repeats, "rate_mbit_s": rate}
    _with_server(measure, where, target, options)


@app.command()
def packets(
    where: Where,
    target: Target,
    server: Server = "",
    reverse: Reverse = False,
    seconds: Seconds = 2,
    lab: choice.LabOption = "",
    uri: Uri = "",
    as_json: JsonOption = False,
) -> None:
    """Measure packets per second in the frame sizes of RFC 2544, as fast as the sender can."""
    from kvmlab.measure.udp import packet_rates

    options = {"server": server, "lab": lab, "uri": uri, "as_json": as_json, "reverse": reverse}
    _with_server(packet_rates, where, target, options | {"duration_s": seconds})


@app.command()
def requests(
    where: Where,
    target: Target,
    server: Server = "",
    seconds: Seconds = 2,
    lab: choice.LabOption = "",
    uri: Uri = "",
    as_json: JsonOption = False,
) -> None:
    """Measure how long requests over one TCP connection take, by sockperf."""
    from kvmlab.measure.requests import request_response

    options = {"server": server, "lab": lab, "uri": uri, "as_json": as_json}
    _with_server(request_response, where, target, options | {"duration_s": seconds})


@app.command()
def connects(
    where: Where,
    target: Target,
    server: Server = "",
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Connections.")] = 300,
    lab: choice.LabOption = "",
    uri: Uri = "",
    as_json: JsonOption = False,
) -> None:
    """Measure how long TCP connections take to open, and how many a second has, by iperf."""
    from kvmlab.measure.connects import connects as measure

    options = {"server": server, "lab": lab, "uri": uri, "as_json": as_json}
    _with_server(measure, where, target, options | {"count": count})
