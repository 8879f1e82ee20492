"""Pages for students: what came of their work, and why."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from kvmlab import assignment
from kvmlab._repr import html_table
from kvmlab.errors import ExerciseError
from kvmlab.exercise.catalogue import find
from kvmlab.grading.course import Course
from kvmlab.grading.grade import results
from kvmlab.grading.result import Result

_STYLE = """\
body { font-family: sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; line-height: 1.4 }
table { border-collapse: collapse; margin: 1em 0 } td, th { border: 1px solid #bbb; padding: 0.3em 0.6em;
text-align: left; vertical-align: top } pre { background: #f4f4f4; padding: 0.6em; overflow-x: auto }
.error { background: #fbe9e7 } summary { cursor: pointer }"""
#: Most characters of one output that a page shows.
_SHOWN = 4000


def write_feedback(course: Course) -> list[Path]:
    """Write a page for each student with results; all that students wrote is escaped.

    Raises
    ------
    ExerciseError
        If nothing was graded yet.
    """
    of: dict[str, list[Result]] = {}
    for one in results(course):
        of.setdefault(one.student, []).append(one)
    if not of:
        raise ExerciseError("nothing was graded yet", hint=f"first: kvmlab course grade {course.folder}")
    for student, own in of.items():
        path = course.feedback(student)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_page(course, student, own), encoding="utf-8")
    return [course.feedback(student) for student in of]


def _page(course: Course, student: str, own: Sequence[Result]) -> str:
    parts = [part for one in own for part in _parts(course, one)]
    earned = sum(one.points or 0 for one in own)
    title = f"Feedback for {escape(student)}: {earned} of {sum(one.possible for one in own)} points"
    body = "\n".join([f"<h1>{title}</h1>", *parts])
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _parts(course: Course, one: Result) -> Iterator[str]:
    points = "not graded" if one.points is None else f"{one.points} of {one.possible} points"
    yield f"<h2>{escape(find(one.exercise).title)} (<code>{escape(one.exercise)}</code>): {points}</h2>"
    if one.reason:
        yield f"<p><b>{escape(one.status.value)}:</b> {escape(one.reason)}</p>"
    yield from (f"<p>Note: {escape(remark)}</p>" for remark in one.remarks)
    if one.tasks:
        rows = [{"task": task.task, "points": task.points, "possible": task.possible} for task in one.tasks]
        yield html_table(rows)
        yield html_table(one.score.rows())
    yield f"<p>Hints used: {one.hints} (they cost nothing).</p>"
    path = course.executed(one.student, one.exercise)
    if path.is_file():
        yield "<details><summary>Your notebook as it was run</summary>"
        yield from _cells(path)
        yield "</details>"


def _cells(path: Path) -> Iterator[str]:
    try:
        notebook = assignment.read_notebook(path)
    except ExerciseError as error:
        yield f"<p>{escape(str(error))}</p>"
        return
    for cell in notebook.cells:
        if cell.cell_type == "code":
            yield f"<pre>{escape(cell.source)}</pre>"
            yield from map(_output, cell.outputs)


def _output(output: Any) -> str:
    """Return an output as text: a student's HTML is not shown as such."""
    if output.output_type == "error":
        text = f"{output.get('ename')}: {output.get('evalue')}"
        return f'<pre class="error">{escape(text[:_SHOWN])}</pre>'
    data = output.get("data", {})
    text = output.get("text") or data.get("text/plain", "") if isinstance(data, dict) else ""
    return f"<pre>{escape(str(text)[:_SHOWN])}</pre>" if text else ""
