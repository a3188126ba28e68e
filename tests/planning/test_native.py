"""The planner's C core: no finding of a sanitizer, the same plans as without one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from training_models import equal, random_layers

from tyc.compiler.planning import native
from tyc.compiler.planning.graph import Facts
from tyc.compiler.planning.rematerialize import Rematerializer
from tyc.compiler.planning.replay import Replayer
from tyc.compiler.planning.sequence import Sequences

PLAN = """
import sys
from pathlib import Path
from tyc.compiler.planning import native
if len(sys.argv) > 1:
    found = native.load(Path(sys.argv[1]))
    native.library = lambda: found
from training_models import random_layers
from tyc.compiler.planning.rematerialize import Rematerializer
graph = random_layers(60)
planner = Rematerializer(graph, range(len(graph.kernels)))
for share in (0.6, 0.3, 0.1):
    print(planner.plan(int(share * planner.free.peak)).kernels)
"""


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    path = os.pathsep.join(sys.path)
    return subprocess.run(
        [sys.executable, "-c", PLAN, *arguments],
        env={**os.environ, "PYTHONPATH": path, **environment}, capture_output=True, text=True,
    )  # fmt: skip


def test_a_sanitizer_finds_nothing_and_plans_are_the_same(tmp_path):
    library = tmp_path / "planner.so"
    flags = ["-std=c11", "-O1", "-g", "-fPIC", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"]
    flags += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-shared"]
    sources = [str(path) for path in native.sources()]
    built = subprocess.run(["cc", *flags, *sources, "-o", library], capture_output=True, text=True)
    if built.returncode and "sanitize" in built.stderr:
        pytest.skip("the compiler has no sanitizer")
    assert built.returncode == 0, built.stderr
    runtime = subprocess.run(["cc", "-print-file-name=libasan.so"], capture_output=True, text=True)
    if not Path(runtime.stdout.strip()).is_absolute():
        pytest.skip("the sanitizer's runtime is not a library")
    checked = run(str(library), LD_PRELOAD=runtime.stdout.strip(), ASAN_OPTIONS="detect_leaks=0")
    plain = run()
    assert checked.returncode == plain.returncode == 0, checked.stderr + plain.stderr
    assert checked.stdout == plain.stdout and checked.stdout.count("[") == 3


def test_a_compiler_error_is_told(monkeypatch, tmp_path):
    from tyc.runtime.errors import InternalError

    (tmp_path / "wrong.c").write_text("int wrong;;\n#error nothing compiles\n")
    monkeypatch.setattr(native, "_FOLDER", tmp_path)
    monkeypatch.setenv("TYC_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(InternalError, match=r"the planner did not compile: .*nothing compiles"):
        native.library.__wrapped__()


@pytest.mark.parametrize("share", [0.7, 0.4])
def test_the_profile_is_that_of_the_expanded_graph(share):
    graph = random_layers(80, 3)
    planner = Rematerializer(graph, range(len(graph.kernels)))
    plan = planner.plan(int(share * planner.free.peak))
    expanded = Sequences(graph).expand(plan.kernels).graph
    assert plan.peak == Facts(expanded).peak(range(len(plan.kernels)))
    cost = sum(kernel.cost for kernel in expanded.kernels)
    assert plan.extra == pytest.approx(cost - sum(kernel.cost for kernel in graph.kernels))


def test_decisions_can_be_played_again():
    graph = equal(12)
    replayer = Replayer(graph, range(len(graph.kernels)))
    free = replayer.begin()
    lower = replayer.bring_down(free, free.peak // 2)
    assert lower.peak <= free.peak // 2 < free.peak and lower.extra > 0
    again = replayer.play(lower.decisions)
    assert again is not None and (again.peak, again.extra) == (lower.peak, lower.extra)
    assert np.array_equal(replayer.candidate().decisions, lower.decisions)
    best = replayer.improve(replayer.fill(lower, free.peak // 2), free.peak // 2, 100_000, 1)
    assert best.peak <= free.peak // 2 and best.extra <= lower.extra
