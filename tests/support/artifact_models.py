"""Small models of many kernels, for the proofs about the artifact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from programs import program, random_inputs

from tyc.compiler import artifact
from tyc.compiler.options import Options
from tyc.compiler.pipeline import Compilation
from tyc.compiler.planning.plan import Plan
from tyc.compiler.targets import Target, host
from tyc.dialects import interpreter, ty
from tyc.dialects.program import Program

_RNG = np.random.default_rng(0)


def _weights(*shape: int) -> np.ndarray:
    bound = np.prod(shape[1:], dtype=float) ** -0.5
    return _RNG.uniform(-bound, bound, shape).astype(np.float32)


@dataclass(frozen=True)
class Model:
    """What builds a program: its body, input types and weights."""

    name: str
    body: Callable[..., Any]
    inputs: Sequence[tuple]
    weights: dict[str, np.ndarray]


def _vision(x: Any, w1: Any, b1: Any, w2: Any, w3: Any, w4: Any) -> Any:
    same = {"strides": [1, 1], "padding": [1, 1, 1, 1], "dilations": [1, 1]}
    halves = {"kernel": [2, 2], "strides": [2, 2], "padding": [0] * 4, "dilations": [1, 1]}
    x = ty.relu(ty.conv(x, w1, b1, **same))
    x = ty.max_pool(x, **halves)
    y = ty.conv(ty.relu(ty.conv(x, w2, None, **same)), w3, None, **same)
    x = ty.relu(ty.add(x, y))
    x = ty.reshape(ty.reduce_mean(x, axes=[2, 3]), shape=[1, 16])
    return ty.softmax(ty.matmul(x, w4), axis=1)


def _numbers(x: Any, indices: Any, table: Any, scale: Any) -> Any:
    rows = ty.gather(table, ty.remainder(indices, _number(40, np.int32)), axis=0)
    total = ty.add(ty.cast(x, to="f32"), ty.multiply(rows, scale))
    shifted = ty.add(ty.multiply(x, _number(3, np.int32)), _number(7, np.int32))
    return ty.softmax(total, axis=1), ty.argmax(ty.transpose(shifted, perm=[1, 0]), axis=0)


def _number(value: float, kind: Any) -> Any:
    return ty.constant(value=np.array(value, kind))


def _chain(x: Any, w: Any, v: Any, s: Any) -> Any:
    for _ in range(3):
        y = ty.matmul(ty.layer_norm(x, s, axis=1, epsilon=1e-5), w)
        y = ty.matmul(ty.gelu(y), v)
        x = ty.add(x, y)
    turned = ty.transpose(ty.reshape(x, shape=[96, 8, 24]), perm=[1, 0, 2])
    scores = ty.matmul(turned, turned, transpose_b=True)
    mixed = ty.matmul(ty.softmax(scores, axis=-1), turned)
    back = ty.reshape(ty.transpose(mixed, perm=[1, 0, 2]), shape=[96, 192])
    return ty.tanh(ty.add(ty.multiply(back, x), x)), ty.reshape(x, shape=[192, 96])


MODELS = {
    m.name: m
    for m in (
        Model(
            "vision",
            _vision,
            [(1, 3, 64, 64)],
            {"w1": _weights(16, 3, 3, 3), "b1": _weights(16), "w2": _weights(32, 16, 3, 3),
             "w3": _weights(16, 32, 3, 3), "w4": _weights(16, 10)},
        ),
        Model(
            "numbers",
            _numbers,
            [((300, 64), "i32"), ((300,), "i32")],
            {"table": _weights(40, 64), "scale": _weights(64)},
        ),
        Model(
            "chain",
            _chain,
            [(96, 192)],
            {"w": _weights(192, 384), "v": _weights(384, 192), "s": _weights(192)},
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Built:
    """A compiled model: its files, its plan, inputs and what the interpreter says."""

    name: str
    path: Path
    plan: Plan
    text: str
    inputs: list[np.ndarray]
    wanted: list[np.ndarray]


def compile_model(
    name: str, output: Path, options: Options | None = None, target: Target | None = None
) -> Built:
    """Compiles a model of `MODELS`."""

    def finish(run: Compilation, given: list[np.ndarray], wanted: list[np.ndarray]) -> Built:
        text = str(run.program.module)
        run.write(output)
        return Built(name, output, run.plan, text, given, wanted)

    return _compiled(name, options, target, finish)


def model_parts(
    name: str, target: Target, use: Callable[[artifact.Parts, list[tuple[str, str]]], Any]
) -> Any:
    """What `use` makes of the parts of a model's library and its kernels' texts."""

    def finish(run: Compilation, *_: object) -> Any:
        from tyc.compiler.pipeline import kernel_sources

        texts = [(s.name, s.text) for s in kernel_sources(run.program)]
        return use(run.parts(), texts)

    return _compiled(name, None, target, finish)


def _compiled(
    name: str, options: Options | None, target: Target | None, finish: Callable[..., Any]
) -> Any:
    model = MODELS[name]
    with program(model.body, *model.inputs, **model.weights) as made:
        made.name = name
        given = random_inputs(made)
        wanted = interpreter.run(made, given)
        run = _run(made, options, target)
        return finish(run, given, wanted)


def _run(made: Program, options: Options | None, target: Target | None) -> Compilation:
    run = Compilation(made, target or host(), options or Options())
    run.run_program_stages()
    run.compile_kernels()
    run.plan_memory()
    return run
