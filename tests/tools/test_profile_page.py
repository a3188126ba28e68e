"""`tyc profile --html`: one page with four figures that a browser draws without a complaint."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from browser import open_page
from commands import small_model
from onnx import helper
from PIL import Image

from tyc.tools import tyc
from tyc.tools.graph_layout import edges_of, layout, whole_of
from tyc.tools.profile_figures import byte_unit, kind
from tyc.tools.profile_page import FIGURES
from tyc.tools.profiling import time_text, time_unit


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    html = folder / "profile.html"
    # Two kernels with a buffer between.
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], name="first"),
        helper.make_node("Softmax", ["a"], ["b"], name="second"),
        helper.make_node("MatMul", ["b", "v"], ["y"], name="third"),
    ]
    arrays = {n: np.ones((64, 64), np.float32) * i for i, n in enumerate("wv")}
    model = small_model(folder / "small.onnx", shape=(64, 64), nodes=nodes, arrays=arrays)
    arguments = ["profile", str(model), "--threads", "1", "--seconds", "0.02", "--html", str(html)]
    assert tyc.run(arguments) == 0
    return html


def test_a_browser_draws_every_figure_without_a_complaint(page, tmp_path):
    shot = tmp_path / "page.png"
    opened = open_page(page, tmp_path / "profile", shot)
    assert opened.console == []
    for name in FIGURES:
        part = opened.dom.split(f'<div id="{name}"', 1)[1].split("</section>", 1)[0]
        assert 'class="main-svg"' in part and 'class="trace' in part, name
    assert "matmul" in opened.dom and "third:MatMul" in opened.dom
    with Image.open(shot) as image:
        assert image.width == 1300
        assert len(image.convert("RGB").resize((130, 260)).getcolors(10**6) or []) > 20


def test_the_page_needs_nothing_else(page):
    text = page.read_text()
    head = text.split("<script>", 1)[0]
    assert "plotly.js v" in text[:5_000_000]
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?https?:", text)
    assert "<title>small: profile</title>" in head


def test_a_page_that_cannot_be_made_is_told_before_anything_is_measured(tmp_path, capsys):
    assert tyc.run(["profile", "missing.so", "--html", str(tmp_path / "no" / "page.html")]) == 2
    assert "output folder must exist" in capsys.readouterr().err


def test_plotly_is_optional(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)
    assert tyc.run(["profile", "missing.so", "--html", str(tmp_path / "page.html")]) == 2
    error = capsys.readouterr().err
    assert "needs the package plotly" in error and "tyc[profile]" in error


def _step(inputs: list[int], outputs: list[int]) -> dict:
    return {"kernel": "k", "inputs": inputs, "outputs": outputs}


def _buffers(count: int) -> list[list]:
    return [[64, "arena", 0, -1, 0] for _ in range(count)]


def test_nodes_stand_after_what_they_need_and_on_places_of_their_own():
    # 0 makes 10; 1 and 2 need it; 3 needs both and 10 itself.
    steps = [_step([0], [10]), _step([10], [11]), _step([10], [12]), _step([10, 11, 12], [13])]
    buffers = _buffers(14)
    assert edges_of(steps, buffers) == [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3)]
    made = layout(steps, buffers)
    assert made.nodes == [(0, 0), (1, 0), (1, 1), (2, 0)]
    assert made.width == 3 and made.height == 2
    long_edge = made.edges[2]
    assert len(long_edge) == 4 and all(y < 0 for _, y in long_edge[1:])


def test_a_piece_of_a_buffer_is_needed_by_who_reads_it():
    # 0 and 1 write the halves of 10; 2 reads all of it, 3 the second half.
    buffers = _buffers(13)
    buffers[11], buffers[12] = [32, "arena", 0, 10, 0], [32, "arena", 32, 10, 32]
    steps = [_step([0], [11]), _step([0], [12]), _step([10], [1]), _step([12], [2])]
    assert edges_of(steps, buffers) == [(0, 2), (1, 2), (1, 3)]
    assert whole_of(12, buffers) == 10 and whole_of(3, buffers) == 3


def test_a_long_chain_is_written_in_lines():
    steps = [_step([i], [i + 1]) for i in range(7)]
    places = layout(steps, _buffers(8), columns=3).nodes
    assert [x for x, _ in places] == [0, 1, 2, 2, 1, 0, 0]
    assert [y for _, y in places] == [0, 0, 0, 1, 1, 1, 2]


def test_units_are_those_that_are_read_easily():
    assert time_unit(0.02) == ("ms", 1e3) and time_unit(2e-5) == ("µs", 1e6)
    assert time_text(0.0125) == "12.500 ms" and time_text(-2e-6) == "-2.0 µs"
    assert [byte_unit(n)[0] for n in (5, 5000, 5 << 20, 5 << 30)] == ["B", "KiB", "MiB", "GiB"]
    assert kind("conv_clip_0123456789") == "conv_clip" and kind("conv") == "conv"
