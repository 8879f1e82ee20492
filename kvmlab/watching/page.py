"""The widgets of a live view: a button that ends it, the picture, what is wrong, what changed."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from kvmlab._repr import Table, html_table
from kvmlab.drawing.style import WRONG
from kvmlab.topology import Change, Finding

#: Changes that are shown, the latest ones.
SHOWN_CHANGES = 8


class Page:
    """What a notebook shows of a live view.

    Parameters
    ----------
    title
        What is seen.
    stop
        Called when the button is pressed.
    """

    def __init__(self, title: str, stop: Callable[[], None]) -> None:
        import ipywidgets

        self._title = title
        self._wrong = ""
        self._button: Any = ipywidgets.Button(description="Stop", icon="stop", tooltip=f"end {title}")
        self._button.on_click(lambda _button: stop())
        self._status: Any = ipywidgets.HTML()
        self._picture: Any = ipywidgets.HTML()
        self._tables: Any = ipywidgets.HTML()
        head = ipywidgets.HBox([self._button, self._status])
        # the tables beside the picture where there is room, else below it
        wrapping = ipywidgets.Layout(flex_flow="row wrap")
        body = ipywidgets.HBox([self._picture, self._tables], layout=wrapping)
        self._all: Any = ipywidgets.VBox([head, body])

    def bundle(self) -> dict[str, Any]:
        """Return the widgets as a notebook displays them."""
        return dict(self._all._repr_mimebundle_())

    def say(self, text: str) -> None:
        """Show how it goes."""
        self._status.value = f"{escape(self._title)}: {escape(text)}{self._wrong}"

    def show(self, picture: str, findings: Table[Finding], changes: Sequence[Change]) -> None:
        """Show a picture, what is not as expected, and the latest changes."""
        self._picture.value = picture
        self._wrong = f" <b>{WRONG} {len(findings)} not as expected</b>" if findings else ""
        parts = []
        if findings:
            parts.append(f"<b>Not as expected</b>{html_table(findings)}")
        if changes:
            parts.append(f"<b>Latest changes</b>{html_table(changes[-SHOWN_CHANGES:][::-1])}")
        self._tables.value = "".join(parts)

    def close(self) -> None:
        """Let the button rest: there is nothing to end any more."""
        self._button.disabled = True
