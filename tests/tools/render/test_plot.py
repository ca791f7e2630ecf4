"""A picture with something in it."""

import io
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from made_data_sets import make_data_set, measured_level, missing_level, summarised_level
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread

from tools.analysis.analysis import Analysed
from tools.analysis.model import Environment, Report
from tools.render import plot
from tools.render.plot import draw

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
FULL = make_data_set(
    r"10K files of $\nonsense{$, 数据",  # no script of mathematics, and one that the font lacks
    "k",
    "file",
    "s",
    10_000,
    [
        measured_level(1, [45.0, 45.2, 45.9], items=10_000),
        missing_level(5, "failed", items=10_000),
        measured_level(10, [8.5, 8.7, 9.0], items=10_000),
        missing_level(20, "n/a", items=10_000),
        measured_level(50, [9.5, 9.7, 9.9], items=10_000),
        measured_level(100, [19.5, 19.7, 19.9], items=10_000),
        summarised_level("2 processes", 6.0, 1, items=10_000),
        measured_level("auto", [8.0, 8.7, 9.9], items=10_000),
    ],
)
NO_BASELINE = make_data_set("t", "b", "api", "s", None, [missing_level(1, "failed"), measured_level(5, [1.0])])
NOTHING = make_data_set("t", "c", "api", "s", None, [])


def report(*data_sets: object) -> Analysed:
    return Analysed(Report("2026-01-02T03:04:05+00:00", Environment(cores=2), data_sets))  # type: ignore[arg-type]


def pixels(path: Path) -> np.ndarray:
    content = path.read_bytes()
    assert content.startswith(PNG_SIGNATURE)
    return (imread(io.BytesIO(content))[..., :3] * 255).round().astype(int)


def has(image: np.ndarray, color: tuple[int, int, int], pixels: int = 100) -> bool:
    return int((np.abs(image - np.array(color)).max(axis=2) <= 2).sum()) > pixels


def test_png_has_both_panels_rows_and_gaps(tmp_path: Path) -> None:
    draw(report(FULL), tmp_path / "one.png")
    image = pixels(tmp_path / "one.png")
    height, width, _ = image.shape
    assert width == 1500
    assert height > 500
    left, right = image[:, : width // 2], image[:, width // 2 :]
    blue, orange, green = (0, 114, 178), (213, 94, 0), (0, 158, 115)
    assert has(left, blue)
    assert has(right, orange)
    assert has(left, green)
    assert not has(right, blue)
    draw(report(FULL, NO_BASELINE, NOTHING), tmp_path / "three.png")
    three = pixels(tmp_path / "three.png")
    assert three.shape[0] > 2 * height
    # The bands that stand for levels without a time.
    assert has(three, (0xF1, 0xF1, 0xF1), pixels=20_000)
    draw(report(), tmp_path / "none.png")
    pixels(tmp_path / "none.png")


def test_svg_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        draw(report(FULL), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("counts", "values"),
    [
        ((1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, "auto"), 12),
        ((*range(1, 17), "auto"), 9),
        ((*(10**power for power in range(9)), *(3 * 10**power for power in range(9)), "auto"), 10),
        ((1, *(f"{count} processes" for count in range(2, 25))), 12),
    ],
)
def test_words_of_many_levels_do_not_touch(counts: tuple[int | str, ...], values: int) -> None:
    """Not each other, nor the axis at the left."""
    levels = [measured_level(x, [0.6 - 0.001 * place] * 2, items=99_999) for place, x in enumerate(counts)]
    analysis = report(make_data_set("t", "d", "api", "s", 99_999, levels)).analyses[0]
    with rc_context(fname=plot.STYLE):
        figure = Figure(figsize=(5.0, 3.5), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        plot._panel(axes, analysis, "throughput")
        figure.draw_without_rendering()
        boxes, names = ([text.get_window_extent() for text in texts] for texts in (axes.texts, axes.get_xticklabels()))
    assert len(boxes) == values
    assert boxes[0].x0 > axes.get_window_extent().x0
    assert not any(left.overlaps(right) for texts in (boxes, names) for left, right in pairwise(texts))
