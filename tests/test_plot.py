"""Pictures of samples: same bytes for same samples, legible, and nothing left out."""

import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from kvmlab import plot

TIMES = {"virtio": (0.7, 0.8, 0.75), "rtl8139": (1.5, 31.0), "unplugged": ()}
LOST = {"rtl8139": 1, "unplugged": 3}
SPEEDS: dict[str, dict[str, tuple[float, ...]]] = {
    "virtio": {"forward": (1200.0, 1210.0), "reverse": (1500.0,)},
    "rtl8139": {"forward": (340.0,)},
}


def texts(picture: plot.Plot) -> list[str]:
    """Texts on the axes of a picture, and below them."""
    axes = picture.figure.axes[0]
    below = picture.figure.get_supxlabel()
    return [below, axes.get_xlabel(), *(label.get_text() for label in [*axes.texts, *axes.get_yticklabels()])]


def test_every_answer_is_a_dot() -> None:
    axes = plot.round_trip_times(TIMES, lost=LOST).figure.axes[0]

    dots = [line for line in axes.lines if line.get_marker() == "o"]

    assert [tuple(np.asarray(line.get_xdata(), dtype=float)) for line in dots] == [
        TIMES["virtio"],
        TIMES["rtl8139"],
    ]


def test_losses_are_written_beside_the_answers() -> None:
    shown = texts(plot.round_trip_times(TIMES, lost=LOST))

    assert {"3 answers\n0 lost", "2 answers\n1 lost", "0 answers\n3 lost"} <= set(shown)


def test_medians_units_labels_and_method_are_written() -> None:
    shown = texts(plot.round_trip_times(TIMES, lost=LOST, caption="ping x"))

    assert {"0.75 ms", "round-trip time (ms), logarithmic", "unplugged"} <= set(shown)
    assert shown[0].endswith("\nping x")


def test_all_samples_lie_within_the_axis() -> None:
    low, high = plot.round_trip_times(TIMES, lost={}).figure.axes[0].get_xlim()

    assert low < 0.7
    assert high > 31


def test_no_answer_anywhere_leaves_an_axis_without_figures() -> None:
    axes = plot.round_trip_times({"unplugged": ()}, lost={"unplugged": 3}).figure.axes[0]

    assert list(axes.get_xticks()) == []


def test_a_time_below_the_resolution_of_ping_can_be_drawn() -> None:
    assert plot.round_trip_times({"lo": (0.0, 0.0)}, lost={}).png().startswith(b"\x89PNG")


def test_throughput_starts_at_zero_and_names_directions() -> None:
    axes = plot.throughputs(SPEEDS).figure.axes[0]

    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "forward (the client sends)",
        "reverse (the server sends)",
    ]
    assert axes.get_xlim()[0] == 0


def test_medians_are_written_with_the_number_of_repeats() -> None:
    shown = texts(plot.throughputs(SPEEDS))

    assert {"1205 (n=2)", "1500 (n=1)", "340 (n=1)", "throughput (Mbit/s of TCP payload received)"} <= set(
        shown
    )


def test_the_same_samples_give_the_same_bytes() -> None:
    first, second = (plot.throughputs(SPEEDS, caption="iperf3") for _ in range(2))

    assert first.svg() == second.svg()
    assert first.png() == second.png()


def test_showing_a_picture_again_gives_the_same_bytes() -> None:
    picture = plot.round_trip_times(TIMES, lost=LOST, caption="ping x")

    assert picture.png() == picture.png()


def test_settings_of_the_learner_change_nothing() -> None:
    import matplotlib as mpl

    expected = plot.round_trip_times(TIMES, lost=LOST).png()
    with mpl.rc_context({"font.size": 30, "text.color": "red", "axes.facecolor": "black"}):
        actual = plot.round_trip_times(TIMES, lost=LOST).png()

    assert actual == expected


def test_a_notebook_gets_a_png_of_twice_the_shown_size() -> None:
    data, shown = plot.throughputs(SPEEDS)._repr_png_()

    width, height = struct.unpack(">II", data[16:24])
    assert (shown["width"], width) == (720, 1440)
    assert abs(height - 2 * shown["height"]) <= 2


def test_a_picture_is_saved_by_its_ending(tmp_path: Path) -> None:
    picture = plot.throughputs(SPEEDS)

    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "a.svg")

    assert (tmp_path / "a.png").read_bytes() == picture.png()
    assert ET.fromstring((tmp_path / "a.svg").read_text()).tag == "{http://www.w3.org/2000/svg}svg"


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.png or \.svg"):
        plot.throughputs(SPEEDS).save(tmp_path / "a.doc")

    assert list(tmp_path.iterdir()) == []


def test_the_method_is_wrapped_to_the_width() -> None:
    caption = texts(plot.throughputs(SPEEDS, caption="iperf3 " * 60))[0]

    assert max(map(len, caption.splitlines())) <= 126


def test_drawing_does_not_load_pyplot() -> None:
    program = (
        "import sys; from kvmlab import plot; assert 'matplotlib' not in sys.modules;"
        "plot.throughputs({'a': {'forward': (1.0,)}}).png(); print('matplotlib.pyplot' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
