"""Tables of rows, in a notebook and in a terminal."""

import json
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest

from kvmlab._repr import Table, head, html_table, text_table
from kvmlab.errors import SpecError


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    rtt_ms: float | None
    addresses: tuple[str, ...] = ()


ROWS = Table([Row("vm1", 0.75, ("10.0.0.2", "fe80::2")), Row("<vm2>", None), Row("vm3", 1213.4)])


class Cells(HTMLParser):
    """Texts and styles of the cells, as a browser reads them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.styles: list[str] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.styles += [value or "" for key, value in attrs if key == "style"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_text_is_aligned_with_numbers_to_the_right() -> None:
    assert repr(ROWS).splitlines() == [
        "name   rtt (ms)  addresses",
        "vm1        0.75  10.0.0.2, fe80::2",
        "<vm2>         -  -",
        "vm3        1213  -",
    ]


def test_html_holds_heads_and_values() -> None:
    cells = Cells(ROWS._repr_html_())

    assert cells.texts[:3] == ["name", "rtt (ms)", "addresses"]
    assert cells.texts[3:6] == ["vm1", "0.75", "10.0.0.2, fe80::2"]


def test_a_value_cannot_become_html() -> None:
    hostile = [{"<b>head": "<script>alert(1)</script>"}]

    html = html_table(hostile, caption="<img src=x>")

    assert set(Cells(html).tags) == {"table", "thead", "tbody", "tr", "th", "td", "div", "small"}


def test_html_sets_no_colours() -> None:
    styles = set(Cells(html_table(ROWS, caption="by hand")).styles)

    assert styles == {"text-align:left", "text-align:right"}


def test_no_rows_are_said_to_be_none() -> None:
    assert repr(Table()) == "(no rows)"
    assert "(no rows)" in Table()._repr_html_()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("rtt_ms", "rtt (ms)"),
        ("received_mbit_s", "received (Mbit/s)"),
        ("memory_mib", "memory (MiB)"),
        ("elapsed_s", "elapsed (s)"),
        ("size_bytes", "size (bytes)"),
        ("loss_percent", "loss (%)"),
        ("prefix_length", "prefix length"),
        ("addresses", "addresses"),
    ],
)
def test_a_unit_at_the_end_of_a_name_is_shown_as_one(name: str, shown: str) -> None:
    assert head(name) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.04567, "0.0457"),
        (12345.6, "12346"),
        (1e7, "10000000"),
        (0.0, "0"),
        (True, "yes"),
        ("two\nlines", "two lines"),
        ("", "-"),
    ],
)
def test_a_value_is_shown_in_one_line(value: object, shown: str) -> None:
    assert text_table([{"x": value}]).splitlines()[1].strip() == shown


def test_a_slice_is_a_table() -> None:
    assert ROWS[1:] == Table([Row("<vm2>", None), Row("vm3", 1213.4)])
    assert isinstance(ROWS[1:], Table)


def test_rows_are_found_by_index_and_iteration() -> None:
    assert ROWS[0].name == "vm1"
    assert [row.name for row in ROWS] == ["vm1", "<vm2>", "vm3"]
    assert Row("vm3", 1213.4) in ROWS


def test_a_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        ROWS[0] = Row("other", 1.0)  # type: ignore[index]


def test_equal_tables_have_one_hash() -> None:
    assert len({ROWS, Table(ROWS)}) == 1


def test_rows_become_json() -> None:
    assert json.loads(json.dumps(ROWS.to_dicts()))[0] == {
        "name": "vm1",
        "rtt_ms": 0.75,
        "addresses": ["10.0.0.2", "fe80::2"],
    }


def test_something_that_is_no_row_is_refused() -> None:
    with pytest.raises(TypeError, match="not int"):
        text_table([1, 2])


def test_a_caption_follows_the_table() -> None:
    assert text_table(ROWS, caption="method: ping").splitlines()[-1] == "method: ping"
    assert Cells(html_table(ROWS, caption="method: ping")).texts[-1] == "method: ping"


def test_rows_are_chosen_by_the_values_of_their_columns() -> None:
    assert [row.name for row in ROWS.where(rtt_ms=None)] == ["<vm2>"]


def test_columns_are_chosen_in_the_order_asked_for() -> None:
    assert text_table(ROWS.columns("rtt_ms", "name")[:1]) == "rtt (ms)  name\n    0.75  vm1"


@pytest.mark.parametrize("table", [ROWS, Table([{"name": "vm1"}])])
def test_an_unknown_column_is_named(table: Table[object]) -> None:
    with pytest.raises(SpecError, match="no column 'mac'") as caught:
        table.columns("mac")

    assert "there are: name" in caught.value.hint
