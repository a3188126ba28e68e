"""Concatenations without kernels: parts written and read where the whole lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from programs import names, program, random_inputs

from tyc.compiler.options import Options
from tyc.compiler.pipeline import Compilation
from tyc.compiler.planning.memory import reserved
from tyc.compiler.schedules.kernel import WITHIN
from tyc.compiler.targets import host
from tyc.compiler.transforms.place_parts import copy_parts, functions_of
from tyc.dialects import interpreter, ty
from tyc.runtime import load

RNG = np.random.default_rng(8)
SAME = {"strides": [1, 1], "padding": [1] * 4, "dilations": [1, 1], "layout": "NXC"}
POOL = {"kernel": [3, 3], **SAME}
IMAGE = (2, 9, 10, 32)


def weight(*shape: int) -> np.ndarray:
    return RNG.uniform(-1, 1, shape).astype(np.float32)


def compiled(made: Any, options: Options) -> Compilation:
    run = Compilation(made, host(), options)
    run.run_program_stages()
    return run


def run_both(
    body: Any, path: Path, *inputs: Sequence[int], exact: bool = False, **parameters: Any
) -> list[str]:
    """Compares the library with the interpreter; the operations of main."""
    with program(body, *inputs, **parameters) as made:
        arrays = random_inputs(made)
        want = interpreter.run(made, arrays)
        run = compiled(made, Options(exact=exact))
        found = names(made)
        run.compile_kernels()
        run.plan_memory()
        assert run.plan.bound_bytes <= reserved(run.plan.arena_bytes)
        run.write(path / "model.so")
    for threads in (1, 2):
        got = load(path / "model.so", threads=threads)(*arrays)
        for a, b in zip(got if isinstance(got, tuple) else [got], want, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=5e-5 * max(float(np.abs(b).max()), 1))
    return found


def dense_block(x: Any, **weights: Any) -> Any:
    """Each layer reads all that came before it."""
    x = ty.max_pool(x, **POOL)
    for w in weights.values():
        x = ty.concat([x, ty.conv(ty.relu(x), w, None, **SAME)], axis=3)
    return ty.average_pool(x, **POOL)


LAYERS = {f"w{k}": weight(16, 32 + 16 * k, 3, 3) for k in range(3)}


@pytest.mark.parametrize("exact", [False, True])
def test_growing_concatenations_are_one_tensor(tmp_path, exact):
    found = run_both(dense_block, tmp_path, IMAGE, exact=exact, **LAYERS)
    assert sorted(found) == [*["concat"] * 3, *["func.call"] * 5]


def test_dense_block_knows_the_last_width_everywhere():
    with program(dense_block, IMAGE, **LAYERS) as made:
        compiled(made, Options())
        within = [str(f.attributes[WITHIN]) for f in functions_of(made).values()
                  if WITHIN in f.attributes]  # fmt: skip
    assert len(within) == 4
    assert all("2, 9, 10, 80" in text for text in within)


def branches(x: Any, **weights: Any) -> Any:
    parts = [ty.conv(x, w, None, **SAME | {"padding": [w.type.shape[2] // 2] * 4})
             for w in weights.values()]  # fmt: skip
    parts += [ty.relu(parts[0]), ty.average_pool(x, **POOL), ty.softmax(x, axis=3)]
    return ty.tanh(ty.concat(parts, axis=3)), parts[1]


def test_branches_of_every_family_write_their_parts(tmp_path):
    weights = {"a": weight(48, 32, 1, 1), "b": weight(16, 32, 3, 3), "c": weight(24, 32, 3, 3)}

    def body(x: Any, **given: Any) -> Any:
        return ty.max_pool(branches(x, **given)[0], **POOL)

    assert "concat" not in run_both(body, tmp_path, IMAGE, **weights)  # tanh takes it in

    def plain(x: Any, **given: Any) -> Any:
        parts = [ty.conv(x, w, None, **SAME | {"padding": [w.type.shape[2] // 2] * 4})
                 for w in given.values()]  # fmt: skip
        parts += [ty.average_pool(x, **POOL), ty.softmax(x, axis=3)]
        return ty.max_pool(ty.concat(parts, axis=3), **POOL)

    assert run_both(plain, tmp_path, IMAGE, **weights).count("concat") == 1


def test_an_output_is_a_whole(tmp_path):
    def body(x: Any, w: Any, v: Any) -> Any:
        return ty.concat([ty.matmul(x, w), ty.matmul(x, v)], axis=1)

    found = run_both(body, tmp_path, (40, 24), w=weight(24, 32), v=weight(24, 48))
    assert found == ["func.call", "func.call", "concat"]


def test_rows_along_the_leading_axis_are_whole_pieces(tmp_path):
    def body(x: Any, y: Any, w: Any) -> Any:
        return ty.matmul(ty.concat([ty.softmax(x, axis=1), ty.softmax(y, axis=1)], axis=0), w)

    found = run_both(body, tmp_path, (3, 5), (4, 5), w=weight(5, 6))
    assert sorted(found) == ["concat", *["func.call"] * 3]


REFUSED = {
    "short rows": lambda x, y: ty.concat([ty.softmax(x, axis=1), ty.softmax(y, axis=1)], axis=1),
    "an input": lambda x, y: ty.concat([x, ty.softmax(y, axis=1)], axis=1),
    "twice the same": lambda x, y: ty.concat([ty.softmax(y, axis=1)] * 2, axis=1),
    "a view is read": lambda x, y: (
        ty.concat([s := ty.softmax(y, axis=1), ty.softmax(s, axis=0)], axis=1),
        ty.softmax(ty.reshape(s, shape=[4, 160]), axis=1),
    ),
    "an output": lambda x, y: (s := ty.softmax(y, axis=1), ty.concat([s, ty.tanh(y)], axis=1)),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_other_concatenations_stay_kernels(tmp_path, body):
    assert "concat" not in run_both(body, tmp_path, (20, 3), (20, 32))


def test_a_part_that_lives_long_takes_no_room_for_the_whole():
    def body(x: Any, w: Any) -> Any:
        skip = ty.softmax(x, axis=1)
        deep = ty.softmax(ty.matmul(skip, w), axis=1)  # four times as wide
        deep = ty.reduce_sum(ty.softmax(deep, axis=0), axes=[1], keepdims=True)
        last = ty.softmax(ty.add(x, deep), axis=1)
        return ty.softmax(ty.concat([skip, last], axis=1), axis=0)

    with program(body, (64, 32), w=weight(32, 256)) as made:
        compiled(made, Options())
        assert "concat" not in names(made)


def test_under_a_budget_rows_stay_pieces_of_memory():
    with program(dense_block, IMAGE, **LAYERS) as made:
        compiled(made, Options(memory_budget=1 << 20))
        assert "concat" not in names(made)


def test_kernels_without_parts_again_compute_the_same():
    with program(dense_block, IMAGE, **LAYERS) as made:
        arrays = random_inputs(made)
        want = interpreter.run(made, arrays)
        compiled(made, Options())
        named = [n for n, f in functions_of(made).items() if WITHIN in f.attributes][:1]
        (found,) = copy_parts(made, named)
        assert found != named[0] and found in functions_of(made)
        assert copy_parts(made, [found]) == {found}  # nothing to do
        assert "concat" not in names(made) and WITHIN not in str(made.module)
        np.testing.assert_allclose(interpreter.run(made, arrays)[0], want[0], rtol=1e-5)
