"""How a fault shows: what somebody who uses the network would complain about."""

from dataclasses import dataclass
from typing import Literal

from kvmlab._run import Runner
from kvmlab.errors import KvmlabError, MeasurementError
from kvmlab.host import world
from kvmlab.lab import Lab

#: Seconds until an answer that did not come is given up.
_BOUND_S = 2
#: Headers of IPv4 and of an echo request in bytes.
_HEADERS = 28
_NOT_FOUND = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """Something that does not work, as its user tells it.

    Attributes
    ----------
    complaint
        The complaint, as one sentence.
    source
        Who tries: a host of the lab, or a domain.
    target
        Address or name that is tried.
    how
        ``ping``; ``name`` to look a name up; ``tcp`` to fetch a page over HTTP;
        ``arp`` to see whether another machine says that it has the source's own address.
    port
        For ``tcp``.
    link
        For ``arp``: link of the source.
    size_bytes
        For ``ping``: size of the packet, which may not be cut into fragments.
    """

    complaint: str
    source: str
    target: str
    how: Literal["ping", "name", "tcp", "arp"] = "ping"
    port: int = 80
    link: str = ""
    size_bytes: int = 84

    def shows(self, lab: Lab) -> bool:
        """Try it; tell whether it does not work.

        Raises
        ------
        MeasurementError
            If it could not be tried.
        """
        runner: Runner = getattr(lab, self.source) if self.source in world.HOSTS else lab.domain(self.source)
        try:
            done = runner.run(self._argv(), check=False, timeout_s=30)
        except KvmlabError as error:  # of a guest that is off, or of a lab that is gone
            raise MeasurementError(f"{self.source} cannot try it: {error}") from error
        if done.returncode == _NOT_FOUND:
            raise MeasurementError(f"{self.source} cannot try it: {done.stderr.strip()}")
        return done.returncode != 0

    def _argv(self) -> list[str]:
        bound = str(_BOUND_S)
        if self.how == "name":
            return ["env", f"RES_OPTIONS=timeout:{bound} attempts:1", "getent", "ahostsv4", self.target]
        if self.how == "tcp":
            url = f"http://{self.target}:{self.port}/"
            return ["curl", "--silent", "--output", "/dev/null", "--max-time", bound, url]
        if self.how == "arp":
            # duplicate address detection (arping(8), RFC 5227): 0 if nobody answers
            return ["arping", "-q", "-D", "-c", "2", "-w", "3", "-I", self.link, self.target]
        size = str(self.size_bytes - _HEADERS)
        options = ["-n", "-q", "-M", "do", "-c", "2", "-i", "0.2", "-W", bound, "-s", size]
        return ["ping", *options, self.target]
