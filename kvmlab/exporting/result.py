"""What an export is made of, and how it is shown and saved."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from kvmlab._repr import Table, html_table, text_table
from kvmlab.commands import Command
from kvmlab.errors import SpecError
from kvmlab.exporting.libvirt_xml import Note
from kvmlab.exporting.plan import HostPlan
from kvmlab.exporting.recipe import Recipe

#: Tools that configure a host's network, by the name of the attribute that has their words.
HOST_TOOLS = ("iproute2", "nmcli", "networkd", "netplan")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Export:
    """What a real host needs to get the same; made by :func:`kvmlab.export`.

    Attributes
    ----------
    title
        What was exported.
    xml
        XML of each network and domain, by file name.
    virsh
        The commands that give libvirt that XML, networks first.
    virt_install
        The same domains by virt-install, in the place of their XML.
    iproute2, nmcli, networkd, netplan
        What the host itself needs, in the words of each tool: take one of them.
    elsewhere
        What has to be done on other machines, such as a route on a router.
    notes
        What has to be filled in, what was left out, and why.
    plan
        What the host itself needs, in no tool's words.
    """

    title: str
    xml: Mapping[str, str]
    virsh: Recipe
    virt_install: Recipe
    iproute2: Recipe
    nmcli: Recipe
    networkd: Recipe
    netplan: Recipe
    elsewhere: tuple[Command, ...] = ()
    notes: Table[Note] = field(default_factory=Table)
    plan: HostPlan = field(default_factory=HostPlan)

    @property
    def host(self) -> dict[str, Recipe]:
        """The four ways to configure the host, by their name."""
        return {tool: getattr(self, tool) for tool in HOST_TOOLS}

    def __str__(self) -> str:
        return "\n".join([f"{self.title}\n", *self._sections(), *self._ending()])

    def _sections(self) -> Iterator[str]:
        for name, text in self.xml.items():
            yield f"=== {name} ===\n{text}"
        for name, recipe in (("libvirt", self._commands), ("virt-install", self.virt_install)):
            yield f"=== {name} ===\n{recipe}\n"
        for name, recipe in self.host.items():
            yield f"=== host: {name} ===\n{recipe}\n"

    def _ending(self) -> Iterator[str]:
        if self.elsewhere:
            yield "=== elsewhere ===\n" + "\n\n".join(map(str, self.elsewhere)) + "\n"
        yield f"=== notes ===\n{text_table(self.notes)}"

    @property
    def _commands(self) -> Recipe:
        return Recipe(tool="virsh", commands=self.virsh.commands, remarks=self.virsh.remarks)

    def __repr__(self) -> str:
        parts = [
            *self.xml,
            "virt_install",
            *(tool for tool, recipe in self.host.items() if not recipe.is_empty),
        ]
        return f"{self.title}: {', '.join(parts)}\n{text_table(self.notes)}"

    def _repr_html_(self) -> str:
        """Return the notes, and each part behind a heading that opens it."""
        parts = [(name, text) for name, text in self.xml.items()]
        parts += [("libvirt: virsh", str(self._commands)), ("libvirt: virt-install", str(self.virt_install))]
        parts += [(f"host: {tool}", str(recipe)) for tool, recipe in self.host.items()]
        if self.elsewhere:
            parts.append(("elsewhere", "\n\n".join(map(str, self.elsewhere))))
        shown = (
            f"<details><summary>{escape(name)}</summary><pre>{escape(text)}</pre></details>"
            for name, text in parts
        )
        return f"<b>{escape(self.title)}</b>{html_table(self.notes)}{''.join(shown)}"

    def save(self, folder: Path | str) -> Path:
        """Write everything into a folder: XML, scripts, files; return the folder.

        Parameters
        ----------
        folder
            Made if it does not exist; otherwise it has to be empty.

        Raises
        ------
        SpecError
            If there is something already.
        """
        target = Path(folder)
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise SpecError(
                f"{str(target)!r} exists already and is not an empty folder", hint="name another one"
            )
        for path, text in self._files().items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_text(text, encoding="utf-8")
        return target

    def _files(self) -> dict[str, str]:
        """Return text by path in the folder; files of the host stand below the name of their tool."""
        found = {f"libvirt/{name}": text for name, text in self.xml.items()}
        found |= {
            "libvirt/virsh.sh": self.virsh.script(),
            "libvirt/virt-install.sh": self.virt_install.script(),
        }
        for tool, recipe in self.host.items():
            found |= {f"{tool}{path}": text for path, text in recipe.files.items()}
            found[f"{tool}/{tool}.sh"] = recipe.script()
        return found | {"README.txt": "\n".join([f"{self.title}\n", *self._ending()]) + "\n"}
