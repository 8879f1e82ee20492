"""A live view in a kernel as JupyterLab starts one, and the kernel's interrupt."""

import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

#: Seconds for an answer of the kernel, on a busy machine.
BOUND_S = 60.0

BEGIN = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from observe.recorded import RecordedLab
import kvmlab as kl
view = kl.live(RecordedLab(), every_s=0.2)
view
"""
#: A cell that runs until the view has looked three more times.
WAIT_FOR_MORE = """
def looks(): return int(view._page._status.value.partition("look ")[2].partition(",")[0])
wanted = looks() + 3
while looks() < wanted: time.sleep(0.05)
"""
HAS_ENDED = "print(view.wait(30), view.is_live)"


class Kernel:
    """Runs cells, and collects what the kernel publishes."""

    def __init__(self, manager: Any, client: Any) -> None:
        self.manager = manager
        self.client = client
        self.published: list[dict[str, Any]] = []

    def begin(self, code: str) -> str:
        return str(self.client.execute(code))

    def finish(self, cell: str) -> str:
        """Wait for the end of a cell; return what it printed."""
        self._until(lambda m: self._is_of(m, cell) and m["content"].get("execution_state") == "idle")
        streams = [m for m in self.published if self._is_of(m, cell) and m["msg_type"] == "stream"]
        return "".join(message["content"]["text"] for message in streams).strip()

    def run(self, code: str) -> str:
        return self.finish(self.begin(code))

    def updates(self) -> int:
        """How often a widget was changed."""
        return sum(message["msg_type"] == "comm_msg" for message in self.published)

    def wait_for_updates(self, more: int) -> None:
        wanted = self.updates() + more
        self._until(lambda _message: self.updates() >= wanted)

    @staticmethod
    def _is_of(message: dict[str, Any], cell: str) -> bool:
        return bool(message["parent_header"].get("msg_id") == cell)

    def _until(self, condition: Any) -> None:
        deadline = time.monotonic() + BOUND_S
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                pytest.fail("the kernel did not answer")
            self.published.append(message)
            if condition(message):
                return


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_the_view_goes_on_between_cells_and_while_a_cell_runs(kernel: Kernel) -> None:
    kernel.run(BEGIN)

    kernel.wait_for_updates(2)
    cell = kernel.begin(WAIT_FOR_MORE)
    kernel.wait_for_updates(2)
    kernel.finish(cell)

    assert kernel.run("view.stop(); print(view.is_live)") == "False"


def test_it_prints_nothing(kernel: Kernel) -> None:
    kernel.run(BEGIN)
    kernel.wait_for_updates(3)
    kernel.run("view.stop()")

    assert [message for message in kernel.published if message["msg_type"] == "stream"] == []


def test_an_interrupt_between_cells_ends_it(kernel: Kernel) -> None:
    kernel.run(BEGIN)
    kernel.wait_for_updates(1)

    kernel.manager.interrupt_kernel()

    assert kernel.run(HAS_ENDED) == "True False"


def test_an_interrupt_of_a_cell_ends_it(kernel: Kernel) -> None:
    kernel.run(BEGIN)
    cell = kernel.begin("print('runs', flush=True); time.sleep(60)")
    kernel._until(lambda message: message["content"].get("text", "").startswith("runs"))

    kernel.manager.interrupt_kernel()
    kernel.finish(cell)

    assert kernel.run(HAS_ENDED) == "True False"


def test_after_it_ended_an_interrupt_between_cells_is_ignored_as_before(kernel: Kernel) -> None:
    kernel.run(BEGIN)
    kernel.run("view.stop()")

    kernel.manager.interrupt_kernel()

    assert kernel.run("print(1 + 1)") == "2"
