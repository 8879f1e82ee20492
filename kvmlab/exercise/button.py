"""A button that checks an exercise, and a table of what came of it (ipywidgets)."""

import threading
from collections.abc import Callable
from html import escape
from typing import Any

from kvmlab.errors import KvmlabError
from kvmlab.exercise.score import Score


class CheckButton:
    """A button with a table below; pages without widgets show how it was at first.

    The checks run in a thread of their own: a guest that does not answer must
    not keep the notebook from going on.

    Parameters
    ----------
    check
        Makes the checks.
    title
        What is checked.
    """

    def __init__(self, check: Callable[[], Score], title: str) -> None:
        import ipywidgets

        self._check = check
        self._title = title
        self._button: Any = ipywidgets.Button(description="Check", icon="check", tooltip=f"check {title}")
        self._button.on_click(lambda _button: self.press())
        self._said: Any = ipywidgets.HTML()
        self._table: Any = ipywidgets.HTML()
        head = ipywidgets.HBox([self._button, self._said])
        self._all: Any = ipywidgets.VBox([head, self._table])

    def __repr__(self) -> str:
        return f"Check button: {self._title}"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {**dict(self._all._repr_mimebundle_()), "text/plain": repr(self)}

    def press(self) -> threading.Thread:
        """Check, as if the button were pressed; return the thread that does it."""
        self._button.disabled = True
        self._said.value = "<em>checking …</em>"
        thread = threading.Thread(target=self._run, name="check", daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        try:
            found = self._check()
        except KvmlabError as error:
            hint = f" {escape(error.hint)}" if error.hint else ""
            self._said.value = f"<b>{escape(str(error))}.</b>{hint}"
        except Exception as error:  # noqa: BLE001  (nobody else would tell: this is a thread)
            self._said.value = f"<b>{escape(f'{type(error).__name__}: {error}')}</b>"
        else:
            mark = "✔" if found.passed else "✘"
            self._said.value = f"<b>{mark} {found.points} of {found.possible} points</b>"
            self._table.value = found._repr_html_()
        finally:
            self._button.disabled = False

    @property
    def shown(self) -> str:
        """What is shown beside and below the button, as HTML."""
        return f"{self._said.value}{self._table.value}"
