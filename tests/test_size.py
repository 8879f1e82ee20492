"""Modules, functions and classes stay small enough to be read at once."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "kvmlab"
MODULES = sorted(PACKAGE.rglob("*.py"))

MODULE_LINES = 350
FUNCTION_LINES = 60
PUBLIC_METHODS = 15


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_small(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    classes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]

    long = {node.name: node.end_lineno - node.lineno + 1 for node in functions if node.end_lineno}
    wide = {node.name: len(public_methods(node)) for node in classes}

    assert len(source.splitlines()) <= MODULE_LINES
    assert {name: lines for name, lines in long.items() if lines > FUNCTION_LINES} == {}
    assert {name: methods for name, methods in wide.items() if methods > PUBLIC_METHODS} == {}


def public_methods(node: ast.ClassDef) -> list[str]:
    """Public methods that are not properties; the overloads of one are one."""
    names = [
        child.name
        for child in node.body
        if isinstance(child, ast.FunctionDef) and not child.name.startswith("_") and not is_property(child)
    ]
    return list(dict.fromkeys(names))


def is_property(node: ast.FunctionDef) -> bool:
    return any(isinstance(mark, ast.Name) and mark.id == "property" for mark in node.decorator_list)
