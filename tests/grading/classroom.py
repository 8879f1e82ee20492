"""A class of twenty: what each of them hands in for the exercise ``nat``, and what that must earn.

Six points: two for the network, two for the guests, two for the internet.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvmlab import assignment
from tests.exercise.proving import source_of

EXERCISE = "nat"
#: Solutions of the tasks, as they stand in the notebook.
SOLUTIONS = assignment.solutions(assignment.read_notebook(source_of(EXERCISE)))
NETWORK = SOLUTIONS["network"]

BY_VIRSH = """\
start = values.subnet.removesuffix("0/24")
xml = f'''<network><name>{values.network}</name><forward mode="nat"/><bridge name="virbr8"/>
<ip address="{start}1" prefix="24"><dhcp><range start="{start}9" end="{start}99"/></dhcp></ip></network>'''
lab.host.run(["virsh", "net-define", "/dev/stdin"], stdin=xml)
lab.host.run(["virsh", "net-start", values.network])
"""
OTHER_LAB = """\
mine = kl.Lab.start("mine")
mine.define(kl.NetworkSpec(name=values.network, subnet=values.subnet, forward="nat")).start()
"""
#: Looks for what only the grader should have: solutions, other submissions, grades, other processes.
SPY = """\
import os, subprocess
found = []
wanted = {"proofs.py", "grades.csv", "submitted", "course.json", "tests", "nat.ipynb", "result.json"}
for top in ("/home", "/root", "/tmp", "/var", "/run", "/opt", "/srv", "/mnt"):
    for where, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name != "site-packages"]
        found += [f"{where}/{name}" for name in wanted & {*folders, *files}]
names = subprocess.run(["ps", "-e", "-o", "args"], capture_output=True, text=True).stdout
found += [line for line in names.splitlines() if "kvmlab.grading.attempt" in line]
for place in ("/usr/bin/spy", "/etc/spy", kl.__file__):
    try:
        open(place, "a").close()
        found.append(place)
    except OSError:
        pass
found += os.listdir("/proc/1/root/home") if os.path.exists("/proc/1/root/.before") else []
if not found:  # only who found nothing solves the task
    lab.define(kl.NetworkSpec(name=values.network, subnet=values.subnet, forward="nat")).start()
print(found)
"""
FORK_BOMB = """\
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
MEMORY = """\
import subprocess, sys
hog = "x = bytearray(1 << 30); x[::4096] = b'x' * len(x[::4096]); input()"
hogs = [subprocess.Popen([sys.executable, "-c", hog], stdin=subprocess.PIPE) for _number in range(8)]
hogs[0].wait()
"""
OTHER_PROGRAM = """\
import pathlib
fake = pathlib.Path("fake")
fake.write_text("#!/bin/sh\\necho 3 packets transmitted, 3 received\\n")
fake.chmod(0o755)
lab.host.run(["mount", "--bind", str(fake.absolute()), "/usr/bin/ping"])
"""


@dataclass(frozen=True)
class Pupil:
    """One of the class.

    Attributes
    ----------
    cells
        Code for the tasks; a task that is not named stays as it was handed out.
    points, status
        What must come of it.
    reason, remark
        What must be said.
    change
        What else is done to the notebook; returns what is handed in as text, or None for nothing.
    file
        Name of the file that is handed in.
    """

    points: int
    cells: dict[str, str]
    status: str = "graded"
    reason: str = ""
    remark: str = ""
    change: Callable[[Any], str | None] | None = None
    file: str = f"{EXERCISE}.ipynb"


def only(code: str) -> dict[str, str]:
    """Solve the first task, and run something else after it."""
    return {"network": NETWORK, "guests": code}


def other_kernel(nb: Any) -> str:
    nb.metadata.kernelspec = {"name": "ir", "display_name": "R", "language": "R"}
    nb.metadata.language_info = {"name": "R"}
    return assignment.notebook_text(nb)


def edited_begin(nb: Any) -> str:
    begin = next(cell for cell in nb.cells if cell.id == "begin")
    begin.source = begin.source.replace('"nat"', '"private"')
    return assignment.notebook_text(nb)


def without_tests(nb: Any) -> str:
    nb.cells = [cell for cell in nb.cells if not cell.id.endswith("-test")]
    return assignment.notebook_text(nb)


def always_right(nb: Any) -> str:
    for cell in nb.cells:
        if cell.id.endswith("-test"):
            cell.source = "pass"
    return assignment.notebook_text(nb)


def other_name(nb: Any) -> str:
    next(cell for cell in nb.cells if cell.id == "student").source = 'STUDENT = "ann"'
    return assignment.notebook_text(nb)


CLASS = {
    # right
    "ann": Pupil(6, SOLUTIONS),
    "ben": Pupil(6, {**SOLUTIONS, "network": BY_VIRSH}),
    "cleo": Pupil(6, {**SOLUTIONS, "internet": "ex.finish()"}, file="nat (1).ipynb"),
    # partial
    "dan": Pupil(2, {"network": NETWORK}),
    "finn": Pupil(2, {"network": NETWORK}, change=without_tests, remark="cell 'network-test' is missing"),
    # wrong
    "gus": Pupil(0, {}),
    "ida": Pupil(0, {"network": OTHER_LAB}),
    "jim": Pupil(0, {}, change=always_right, remark="locked cell 'internet-test' was changed"),
    # not as it was handed out
    "kay": Pupil(0, {}, "missing", "there is no nat.ipynb", change=lambda _nb: None),
    "leo": Pupil(0, SOLUTIONS, "refused", "its kernel is for R, not for Python", change=other_kernel),
    "mia": Pupil(0, {}, "refused", "is no notebook that can be read", change=lambda _nb: "once upon a time"),
    "ned": Pupil(2, {"network": NETWORK}, change=edited_begin, remark="locked cell 'begin' was changed"),
    "oda": Pupil(2, {"network": NETWORK}, change=other_name, remark="names student 'ann'"),
    # malicious
    "pip": Pupil(2, only("while True:\n    pass"), "stopped", "cell 'guests' ran longer than 30 s"),
    "quin": Pupil(2, only("import os\nos._exit(1)"), "stopped", "its kernel died in cell 'guests'"),
    "ray": Pupil(2, only(FORK_BOMB), "stopped"),
    "sue": Pupil(2, {"network": SPY}),
    "tom": Pupil(0, only(OTHER_PROGRAM), "tampered", "something was mounted over /usr/bin/ping"),
    "ute": Pupil(2, only(MEMORY), "stopped", "it used more than 4096 MiB of memory"),
    "wim": Pupil(0, only("import os\nos.kill(-1, 9)"), "tampered", "lab 'ex-nat' was ended by the notebook"),
}


def hand_in(pupils: dict[str, Pupil], released: Path, inbox: Path) -> None:
    """Write what the pupils hand in into an inbox."""
    original = assignment.read_notebook(released)
    for name, pupil in pupils.items():
        nb = copy.deepcopy(original)
        for cell in nb.cells:
            cell.source = pupil.cells.get(cell.id, cell.source)
        text = pupil.change(nb) if pupil.change else assignment.notebook_text(nb)
        folder = inbox / name / "somewhere"
        folder.mkdir(parents=True)
        if text is not None:
            (folder / pupil.file).write_text(text)
