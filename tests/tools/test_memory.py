"""`tyc memory`: plans of a model under budgets, as a table, JSON and a page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from browser import open_page
from commands import small_model
from onnx import helper

from tyc.tools import tyc
from tyc.tools.memory import SWEEP, parse_budgets
from tyc.tools.memory_page import FIGURES


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight products with a nonlinearity between, whose backward reads every value."""
    nodes, last = [], "x"
    for i in range(8):
        nodes.append(helper.make_node("MatMul", [last, f"w{i}"], [f"p{i}"], name=f"product{i}"))
        nodes.append(helper.make_node("Tanh", [f"p{i}"], [f"y{i}" if i < 7 else "y"]))
        last = f"y{i}"
    rng = np.random.default_rng(0)
    arrays = {f"w{i}": rng.standard_normal((16, 16), np.float32) for i in range(8)}
    path = tmp_path_factory.mktemp("memory") / "deep.onnx"
    return small_model(path, shape=("n", 16), nodes=nodes, arrays=arrays)


def points(capsys, *arguments: object) -> dict:
    assert tyc.run([str(a) for a in arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_budgets_trade_bytes_for_flops(model, capsys):
    found = points(
        capsys, "memory", model, "--batch", 512, "--train", "--budgets", "100%,60%,50%,1%", "--json"
    )
    free, *tight, least = found["points"]
    assert free["feasible"] and free["extra_flops"] == 0 and free["peak"] == found["free_peak"]
    for point in tight:
        assert point["feasible"] and point["peak"] <= point["budget"] < free["peak"]
        assert 0 < point["extra_flops"] < point["step_flops"] / 2
        assert point["plan_seconds"] >= 0
    assert not least["feasible"] and least["peak"] > least["budget"]
    assert least["limit"].startswith("onnx:product")


def test_a_step_updates_in_place(model, capsys):
    words = ("memory", model, "--batch", 512, "--train", "--budgets", "1%", "--json")
    found = {o: points(capsys, *words, "--optimizer", o) for o in ("none", "sgd", "adam")}
    nbytes = 8 * 16 * 16 * 4
    assert {o: f["parameter_bytes"] for o, f in found.items()} == dict.fromkeys(found, nbytes)
    assert found["none"]["state_bytes"] == 0
    assert found["sgd"]["state_bytes"] == nbytes + 16  # the rate and the count
    assert found["adam"]["state_bytes"] == 2 * nbytes + 16
    for one in found.values():
        assert one["free_peak"] < found["none"]["free_peak"] * 1.05


def test_a_hub_model_names_its_layer(capsys):
    found = points(capsys, "memory", "resnet18", "--batch", 1, "--budgets", "1%", "--json")
    assert found["name"] == "resnet18"
    assert re.match(r"(layer\d\.\d\.)?\w+ \(resnet\.py:\d+\): \w+$", found["points"][0]["limit"])


def test_a_sweep_never_rises(model, capsys):
    found = points(capsys, "memory", model, "--batch", 512, "--train", "--json")
    peaks = [p["peak"] for p in found["points"]]
    assert len(peaks) == len(SWEEP) and peaks == sorted(peaks, reverse=True)
    assert all(p["peak"] <= p["budget"] for p in found["points"] if p["feasible"])


def test_a_page_shows_the_plans(model, capsys, tmp_path):
    html = tmp_path / "memory.html"
    arguments = ["memory", str(model), "--batch", "64", "--train", "--html", str(html)]
    assert tyc.run(arguments) == 0
    assert "workspace" in capsys.readouterr().out
    opened = open_page(html, tmp_path / "profile", tmp_path / "page.png")
    assert opened.console == []
    for name in FIGURES:
        part = opened.dom.split(f'<div id="{name}"', 1)[1].split("</section>", 1)[0]
        assert 'class="main-svg"' in part and 'class="trace' in part, name


def test_a_name_that_is_no_model(capsys):
    assert tyc.run(["memory", "resnet51"]) == tyc.EXIT_USER
    assert "model must be an ONNX file or one of bert_base" in capsys.readouterr().err


def test_budgets_are_read():
    assert parse_budgets("40%,1MiB,auto") == [0.4, 1 << 20, "auto"]
    assert parse_budgets("sweep")[-1] == 0.1
