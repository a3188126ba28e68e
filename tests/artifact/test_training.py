"""A whole training step as a library: in place from Python and C, the bits of the eager loop."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zoo
from host_programs import cc

import tyc
from tyc import functional as F
from tyc import nn, optim, runtime

STEPS = 5
_C = {"f32": "float", "f64": "double", "i64": "int64_t"}


@dataclass
class Training:
    """A network of everything that has state, its step, and the batches."""

    net: nn.Module
    opt: optim.Optimizer
    step: Any
    batches: list[tuple[np.ndarray, np.ndarray]]

    def losses(self, run: Any) -> np.ndarray:
        """The loss of each step."""
        return np.array([np.asarray(run(*batch)).item() for batch in self.batches], np.float32)


def training() -> Training:
    """The same each time."""
    tyc.random.seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.25),
        nn.Linear(64, 5),
    )  # fmt: skip
    gm = tyc.GradManager().attach(net.parameters())
    opt = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

    def step(image: Any, label: Any) -> Any:
        with gm:
            loss = F.cross_entropy(net(image), label)
            gm.backward(loss)
        opt.step().clear_grad()
        return loss

    rng = np.random.default_rng(1)
    batches = [
        (rng.normal(size=(4, 1, 6, 6)).astype(np.float32), rng.integers(0, 5, 4))
        for _ in range(STEPS)
    ]
    return Training(net, opt, step, batches)


@pytest.fixture(scope="module")
def wanted() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Losses and final parameters, eagerly."""
    made = training()
    with tyc.exact():
        losses = made.losses(made.step)
    return losses, {n: t.numpy() for n, t in made.net.state_dict().items()}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The step as a library."""
    path = tmp_path_factory.mktemp("training") / "step.so"
    made = training()
    tyc.trace(made.step, exact=True).compile(path, *made.batches[0])
    return path


def test_a_traced_step_is_the_eager_one_and_changes_arrays_in_place(wanted: Any) -> None:
    made = training()
    step = tyc.trace(made.step, exact=True)
    first = step(*made.batches[0])
    places = [p.array().ctypes.data for p in made.net.parameters()]
    losses = [first.item(), *(step(*b).item() for b in made.batches[1:])]
    assert places == [p.array().ctypes.data for p in made.net.parameters()]
    np.testing.assert_array_equal(np.float32(losses), wanted[0])
    for name, value in made.net.state_dict().items():
        np.testing.assert_array_equal(value, wanted[1][name], err_msg=name)


def test_the_library_trains_from_python(wanted: Any, library: Path) -> None:
    module = runtime.load(library)
    state = module.initialize()
    entries = {e["name"]: e for e in module.manifest["inputs"]}
    assert [n for n in entries if n not in state] == ["image", "label"]
    assert entries["0.weight"]["updated"] and "updated" not in entries["lr"]
    losses = training().losses(lambda image, label: module(image, label, **state))
    np.testing.assert_array_equal(losses, wanted[0])
    for name, value in wanted[1].items():
        np.testing.assert_array_equal(state[name], value, err_msg=name)
    state["lr"][...] = 0
    before = {n: a.copy() for n, a in state.items()}
    module(*training().batches[0], **state)
    np.testing.assert_array_equal(state["5.weight"], before["5.weight"])


PROGRAM = """
#include "step.h"
#include <stdio.h>
#include <stdlib.h>
int main(void) {{
{buffers}
    step_inputs inputs = {{{inputs}}};
    step_outputs outputs = {{.output = &loss}};
    void *workspace = aligned_alloc(TYC_ALIGNMENT, step_workspace_bytes());
{place}
    step_inputs none = inputs;
    none.lr = NULL;
    if (step_initialize(NULL) == TYC_OK || step_initialize(&none) == TYC_OK) return 3;
    if (step_initialize(&inputs) != TYC_OK) return 1;
    while (fread(image, sizeof image, 1, stdin) == 1) {{
        if (fread(label, sizeof label, 1, stdin) != 1) return 4;
        if (step_run(&inputs, &outputs, workspace, NULL) != TYC_OK) return 2;
        fwrite(&loss, sizeof loss, 1, stdout);
    }}
    free(workspace);
    return 0;
}}
"""


PLACE = """
    void *state = malloc(step_state_bytes() + TYC_ALIGNMENT);
    char *begin = (char *)state + TYC_ALIGNMENT - (size_t)state % TYC_ALIGNMENT;
    step_place_state(&inputs, begin);
    if ((char *)inputs.lr < begin || (char *)inputs.lr >= begin + step_state_bytes()) return 5;
"""


@pytest.mark.parametrize("place", ["", PLACE], ids=["apart", "block"])
def test_the_library_trains_from_c(wanted: Any, library: Path, tmp_path: Path, place: str) -> None:
    module, header = runtime.load(library), library.with_suffix(".h").read_text()
    struct = header[: header.index("} step_inputs;")].rsplit("typedef struct {", 1)[1]
    fields = [row.split(";")[0].split("*")[-1] for row in struct.strip().splitlines()]
    sizes = [max(s.nbytes // s.numpy_dtype.itemsize, 1) for s in module.inputs]
    kinds = [_C[s.dtype] for s in module.inputs]
    if place:
        fields = [f for f in fields if f in ("image", "label")]
    buffers = [f"    static {k} {f}[{n}];" for k, f, n in zip(kinds, fields, sizes)]
    text = PROGRAM.format(
        buffers="\n".join([*buffers, "    static float loss;"]),
        inputs=", ".join(f".{f} = {f}" for f in fields),
        place=place,
    )
    (tmp_path / "loop.c").write_text(text)
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{library.parent}"]
    rpath = f"-Wl,-rpath,{library.parent}"
    cc([*flags, rpath, tmp_path / "loop.c", library, "-o", tmp_path / "loop"])
    data = b"".join(i.tobytes() + n.tobytes() for i, n in training().batches)
    done = subprocess.run([tmp_path / "loop"], input=data, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    np.testing.assert_array_equal(np.frombuffer(done.stdout, np.float32), wanted[0])


def test_the_state_beside_the_library(wanted: Any, tmp_path: Path) -> None:
    made = training()
    step = tyc.trace(made.step, exact=True, weights="external")
    step.compile(tmp_path / "step.so", *made.batches[0])
    module = runtime.load(tmp_path / "step.so")
    state = module.initialize()
    losses = training().losses(lambda image, label: module(image, label, **state))
    np.testing.assert_array_equal(losses, wanted[0])


def test_a_new_value_that_cannot_be_written_in_place_is_copied() -> None:
    a, b = tyc.Variable(np.eye(3, dtype=np.float32) + 1), tyc.Variable(np.ones((3, 3), np.float32))

    @tyc.trace
    def step() -> Any:
        before = a.detach()
        a.assign(a.T @ b + b.sum())
        b.assign(before.T)

    x, y = a.numpy(), b.numpy()
    for _ in range(2):
        step()
        x, y = x.T @ y + y.sum(), x.T
    np.testing.assert_allclose(a, x, 1e-5)
    np.testing.assert_array_equal(b, y)


def test_an_onnx_model_is_fine_tuned() -> None:
    """Magika, to call a file of rising bytes C."""
    (magika,) = [m.path for m in zoo.package_models() if m.name == "magika"]
    net = nn.Imported(tyc.load_onnx(magika, {"bytes": (1, 2048)}))
    gm = tyc.GradManager().attach(net.parameters())
    opt = optim.SGD(net.parameters(), lr=0.01)

    @tyc.trace
    def step(text: Any) -> Any:
        with gm:
            loss = -F.log(net(text)[0, 17] + 1e-6)
            gm.backward(loss)
        opt.step().clear_grad()
        return loss

    text = (np.arange(2048, dtype=np.int32) % 257)[None]
    losses = [step(text).item() for _ in range(5)]
    assert losses[0] > 5 and losses[-1] < 0.1
