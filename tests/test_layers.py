"""Imports point down only, and each foreign library has one home."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "kvmlab"

#: Units of the package and their layer. A unit imports from lower layers and
#: from itself, never from a neighbour or from above.
LAYERS = {
    "errors": 0,
    "_paths": 1,
    "_progress": 1,
    "_repr": 1,
    "_run": 1,
    "assignment": 2,
    "image": 2,
    "plot": 2,
    "spec": 2,
    "topology": 2,
    "host": 3,
    "virt": 3,
    "lab": 4,
    "sandbox": 4,
    "commands": 5,
    "measure": 5,
    "nics": 5,
    "observe": 5,
    "bench": 6,
    "changes": 6,
    "doctor": 6,
    "drawing": 6,
    "evidence": 6,
    "exporting": 6,
    "jupyter": 6,
    "reach": 7,
    "tracing": 7,
    "watching": 7,
    "check": 8,
    "diagnosis": 8,
    "experiment": 8,
    "fault": 8,
    "exercise": 9,
    "grading": 10,
    "cli": 11,
}

#: The only units that may import a foreign library.
HOMES = {
    "subprocess": {"_run"},
    "libvirt": {"virt"},
    "libvirt_qemu": {"virt"},
    "pyroute2": {"host"},
    "graphviz": {"drawing"},
    "matplotlib": {"plot"},
    "IPython": {"_progress", "watching"},
    "ipywidgets": {"_progress", "exercise", "watching"},
    "dpkt": {"tracing"},
    "nbclient": {"grading"},
    "nbformat": {"assignment", "grading", "jupyter"},
    "yaml": {"exporting"},
    "typer": {"cli"},
    "pandas": {"experiment"},
    "numpy": {"measure"},
    "distributed": {"experiment"},
}

MODULES = sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def unit_of(module: str) -> str:
    """The part below ``kvmlab``: ``kvmlab.host.links`` belongs to ``host``."""
    return module.split(".")[1] if "." in module else ""


def imports(source: str) -> Iterator[str]:
    """Every imported module; ``from kvmlab import image`` counts as ``kvmlab.image``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            module = node.module or ""
            yield from (f"kvmlab.{alias.name}" for alias in node.names) if module == "kvmlab" else (module,)


def upward(unit: str, imported: str) -> bool:
    """Whether this import points up or sideways."""
    if not imported.startswith("kvmlab"):
        return False
    other = unit_of(imported)
    return other != unit and LAYERS[other] >= LAYERS[unit]


def test_every_unit_has_a_layer() -> None:
    units = {unit_of(module_name(path)) for path in MODULES} - {""}

    assert units <= set(LAYERS)


def test_no_layer_is_left_over() -> None:
    units = {unit_of(module_name(path)) for path in MODULES} - {""}

    assert set(LAYERS) <= units


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_point_down(path: Path) -> None:
    unit = unit_of(module_name(path))
    if not unit:
        pytest.skip("the package itself imports from everywhere")

    found = [name for name in imports(path.read_text(encoding="utf-8")) if upward(unit, name)]

    assert found == []


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_foreign_libraries_stay_at_home(path: Path) -> None:
    unit = unit_of(module_name(path))

    roots = {name.split(".")[0] for name in imports(path.read_text(encoding="utf-8"))}

    assert [name for name in sorted(roots & set(HOMES)) if unit not in HOMES[name]] == []


@pytest.mark.parametrize(
    ("unit", "line", "is_upward"),
    [
        ("spec", "from kvmlab.host import links", True),
        ("host", "import kvmlab.virt.domain", True),
        ("virt", "from kvmlab import lab", True),
        ("lab", "from kvmlab.virt.domain import Domain", False),
        ("host", "from kvmlab.host import links", False),
        ("host", "import json", False),
    ],
)
def test_an_upward_import_is_noticed(unit: str, line: str, is_upward: bool) -> None:
    (imported,) = imports(line)

    assert upward(unit, imported) is is_upward
