"""Planned peak, workspace and touched bytes are one number, and the arena is hardly more than the
largest set of buffers that live at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from artifact_models import Built
from zoo import Model, inputs_of, package_models

from tyc import onnx, runtime
from tyc.compiler.pipeline import compile_program
from tyc.runtime.memory import POISON, GuardedWorkspace

BOUND = 1.05


def test_the_arena_is_hardly_more_than_what_lives_at_once(built: Built) -> None:
    assert built.plan.arena_bytes <= BOUND * built.plan.peak_live_bytes


def test_what_is_planned_is_touched(built: Built, module: runtime.Module) -> None:
    workspace = GuardedWorkspace(module.workspace_bytes)
    assert module.workspace_bytes == built.plan.arena_bytes
    module.use_workspace(workspace)
    module(*built.inputs)
    assert workspace.touched_bytes() == module.workspace_bytes
    assert not workspace.touched_outside()


def test_every_buffer_of_the_plan_is_written(built: Built, module: runtime.Module) -> None:
    workspace = GuardedWorkspace(module.workspace_bytes)
    module.use_workspace(workspace)
    module(*built.inputs)
    planned = np.zeros(module.workspace_bytes, bool)
    for buffer in built.plan.buffers:
        if buffer.place == "arena":
            planned[buffer.index : buffer.index + buffer.nbytes] = True
    touched = workspace._memory[: module.workspace_bytes] != POISON
    assert not (touched & ~planned).any()
    # A number's byte may be POISON by chance: one in 256, the most.
    assert touched[planned].mean() > 0.98


def test_what_was_in_the_workspace_does_not_matter(built: Built, module: runtime.Module) -> None:
    first = module(*built.inputs)
    workspace = GuardedWorkspace(module.workspace_bytes)
    module.use_workspace(workspace)
    second = module(*built.inputs)
    workspace._memory[:] = 0xFF
    third = module(*built.inputs)
    for other in (second, third):
        for a, b in zip(_list(first), _list(other), strict=True):
            np.testing.assert_array_equal(a, b)


def _list(result: object) -> list[np.ndarray]:
    return list(result) if isinstance(result, tuple) else [result]  # pyright: ignore


_FAST = ("silero_vad", "magika", "ppocr_cls", "light_squeezenet")


@pytest.mark.parametrize(
    "model", [m for m in package_models() if m.name in _FAST], ids=lambda m: m.name
)
def test_real_models(model: Model, tmp_path: Path) -> None:
    if not model.exists:
        pytest.skip(f"{model.name} is not installed")
    made = onnx.load(model.path, model.shapes)
    written = compile_program(made, tmp_path / "model.so")
    memory = written.manifest["memory"]
    assert memory["workspace_bytes"] <= BOUND * memory["peak_live_bytes"]
    assert len(str(made.module)) < 1_000_000
    module = runtime.load(written.library, threads=2)
    workspace = GuardedWorkspace(module.workspace_bytes)
    module.use_workspace(workspace)
    arrays = inputs_of([(s.name, s.numpy_dtype, s.shape) for s in module.inputs])
    module(**arrays)
    assert workspace.touched_bytes() == module.workspace_bytes == memory["workspace_bytes"]
    assert not workspace.touched_outside()
