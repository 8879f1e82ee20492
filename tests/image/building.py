"""A build in a process of its own, that stands still at each step until it is told to go on."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

#: Seconds in which a build of the small distribution takes its next step.
BOUND_S = 60.0
PROGRAM = """\
import os, sys
from kvmlab.errors import KvmlabError
from kvmlab.image import build_image

class Steps:
    def step(self, text, *, done=None):
        print(text, flush=True)
        if sys.stdin.readline() == "fill\\n":
            fill(os.environ["KVMLAB_CACHE_DIR"] + "/filler")

def fill(path):
    with open(path, "wb", buffering=0) as stream:
        try:
            while stream.write(bytes(4096)) == 4096:
                pass
        except OSError:
            pass

try:
    print("built", build_image(sources=[sys.argv[1]], force="force" in sys.argv, progress=Steps()).name)
except KvmlabError as error:
    print(type(error).__name__, error, "|", error.hint)
except KeyboardInterrupt:
    print("interrupted")
"""


class Build:
    """A build that stands still at each step."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self._lines.put(line.strip())
        self._lines.put("")

    def next_step(self) -> str:
        """Wait for the next step or line; empty at the end."""
        return self._lines.get(timeout=BOUND_S)

    def go_on(self, word: str = "") -> None:
        """Let it take its next step; told "fill", it fills its disk before."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended
            self.process.stdin.write(f"{word}\n")
            self.process.stdin.flush()

    def go_until(self, wanted: str) -> None:
        """Go on until this step begins."""
        while (step := self.next_step()) != wanted:
            assert step, f"the build ended before {wanted!r}"
            self.go_on()

    def go_to_the_end(self) -> list[str]:
        """Go on to the end; return all lines until then."""
        lines = []
        while line := self.next_step():
            lines.append(line)
            self.go_on()
        return lines

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@contextlib.contextmanager
def started(sources: str, *words: str, prefix: tuple[str, ...] = ()) -> Iterator[Build]:
    """Start a build; it is killed at the end, if it still runs."""
    line = [*prefix, sys.executable, "-c", PROGRAM, sources, *words]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Build(process)
    finally:
        process.kill()
        process.communicate()


def processes_of(cache: Path) -> list[str]:
    """Command lines of the processes that have to do with this cache."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            traces = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            if os.fsencode(cache) in traces and int(process.name) != os.getpid():
                found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


def in_time(happens: Callable[[], bool]) -> bool:
    """Whether something happens within the bound."""
    deadline = time.monotonic() + BOUND_S
    while not happens():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
