"""Commands as data, and as text to copy into a terminal."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kvmlab._run import Completed, Runner

#: Width of a notebook's cell, and of a terminal beside it.
_COLUMNS = 88
#: A word that begins a group which stays on one line: an option, or a property of NetworkManager.
_BEGINS = re.compile(r"-.*|[a-z0-9-]+\.[a-z-]+")


@dataclass(frozen=True, slots=True)
class Command:
    """A command and what it is for.

    Parameters
    ----------
    argv
        The command.
    comment
        What it does, as a sentence without its full stop.
    where
        Host that it runs on: ``host`` (the KVM host), ``pc``, or a guest's name.
    stdin
        What it reads from standard input.

    Examples
    --------
    >>> print(Command(("ip", "link", "show"), "Show the links"))
    # Show the links
    ip link show
    """

    argv: tuple[str, ...]
    comment: str
    where: str = "host"
    stdin: str = ""

    def __str__(self) -> str:
        place = "" if self.where == "host" else f" (on {self.where})"
        line = f"# {self.comment}{place}\n{_shell_text(self.argv)}"
        if not self.stdin:
            return line
        end = _end_mark(self.stdin)
        return f"{line} <<'{end}'\n{self.stdin.rstrip()}\n{end}"

    def run(self, runner: Runner) -> Completed:
        """Run it; the caller chooses the host."""
        return runner.run(self.argv, stdin=self.stdin)


def _shell_text(argv: Sequence[str]) -> str:
    r"""Return what to type; a long command goes on in a next line, with an option or a property.

    Examples
    --------
    >>> print(_shell_text(["dnsmasq", "--except-interface", "lo", "--domain=" + 60 * "a", "--expand-hosts"]))
    dnsmasq --except-interface lo \
        --domain=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa --expand-hosts
    """
    lines = [shlex.quote(argv[0])]
    for option, values in _options(argv[1:]):
        words = [option, *values]
        # what does not fit into a line in one piece is broken between any two words
        pieces = [words] if len(shlex.join(words)) <= _COLUMNS else [[word] for word in words]
        for piece in map(shlex.join, pieces):
            if len(lines[-1]) + 1 + len(piece) > _COLUMNS:
                lines.append(piece)
            else:
                lines[-1] += f" {piece}"
    return " \\\n    ".join(lines)


def _options(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each option with the values that follow it, and words before the first one as they are."""
    start = 0
    for end in range(1, len(words) + 1):
        if end == len(words) or _BEGINS.fullmatch(words[end]):
            yield words[start], list(words[start + 1 : end])
            start = end


def _end_mark(text: str) -> str:
    """Return a line that does not occur in the text."""
    mark = "EOF"
    while mark in text.splitlines():
        mark += "F"
    return mark


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """Commands that together do one thing; shown as shell text.

    Parameters
    ----------
    title
        What they do.
    commands
        In the order in which they are typed, as root.
    """

    title: str
    commands: tuple[Command, ...]

    def __str__(self) -> str:
        return "\n\n".join([f"# {self.title}", *map(str, self.commands)])

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        """Shell text in a fenced block, which JupyterLab colours in its own theme."""
        text = "\n\n".join(map(str, self.commands))
        longest = max((len(run) for run in re.findall("`+", text)), default=0)
        fence = "`" * max(3, longest + 1)
        return f"**{_plain(self.title)}**\n\n{fence}bash\n{text}\n{fence}"


def _plain(text: str) -> str:
    r"""Return text in which Markdown and HTML have no meaning.

    Examples
    --------
    >>> _plain("network a_b <c>")
    'network a\\_b \\<c\\>'
    """
    return re.sub(r"([\\`*_{}\[\]<>()#+!|&~-])", r"\\\1", text)
