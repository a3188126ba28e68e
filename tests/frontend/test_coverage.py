"""Every op of the dialect is a function."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import tyc
from tyc import functional as F
from tyc.dialects import ty  # noqa: F401  (fills the registry)
from tyc.dialects.ods import REGISTRY

# What gradients are made of, and what recording itself makes.
INNER = {"constant", "parameter"}


def test_every_op_is_used_by_a_function(root: Path) -> None:
    source = "".join(p.read_text() for p in (root / "frontend" / "functional").glob("*.py"))
    missing = {n for n, op in REGISTRY.items() if f"ty.{op.__name__}" not in source}
    gradients = {n for n in missing if n.endswith("_gradient")}
    assert missing - gradients - INNER == {
        "dilate",
        "matmul_add",
        "max_pool_spread",
        "max_pool_taps",
        "reduce_sum_add",
    }


def test_quantization() -> None:
    x = np.linspace(-3, 3, 12).reshape(3, 4).astype(np.float32)
    zero = np.uint8(128)
    q = F.quantize(x, 0.05, zero)
    assert q.dtype == tyc.uint8
    np.testing.assert_array_equal(q, np.clip(np.round(x / np.float32(0.05)) + 128, 0, 255))
    np.testing.assert_allclose(F.dequantize(q, 0.05, zero), x, atol=0.026)
    rows = np.array([0.1, 0.2, 0.3], np.float32)
    by_row = F.quantize(x, rows, np.zeros(3, np.int8), axis=0)
    np.testing.assert_array_equal(by_row, np.clip(np.round(x / rows[:, None]), -128, 127))


def test_matmul_integer() -> None:
    a, b = np.arange(6, dtype=np.uint8).reshape(2, 3), np.arange(12, dtype=np.int8).reshape(3, 4)
    y = F.matmul_integer(a, b, np.uint8(2))
    assert y.dtype == tyc.int32
    np.testing.assert_array_equal(y, (a.astype(int) - 2) @ b)


def test_counted_random_numbers() -> None:
    seed = np.array([3, 4])
    a, b = F.uniform(seed, (1000,)), F.uniform(seed + 1, (1000,))
    np.testing.assert_array_equal(a, F.uniform(seed, (1000,)))
    assert a.min().item() >= 0 and a.max().item() < 1 and np.all(a.numpy() != b.numpy())
    dropped = tyc.trace(F.dropout)(np.ones((50, 50), np.float32), 0.25, seed).numpy()
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(4 / 3)}


def test_more_functions() -> None:
    x = np.arange(1, 17, dtype=np.float32).reshape(1, 1, 4, 4)
    values, indices = F.max_pool2d_with_indices(x, 2)
    np.testing.assert_array_equal(values.numpy().ravel(), [6, 8, 14, 16])
    np.testing.assert_array_equal(indices.numpy().ravel(), [5, 7, 13, 15])
    np.testing.assert_array_equal(F.sum_square(x, -1), (x * x).sum(-1))
    np.testing.assert_allclose(F.log_sum(x, -1), np.log(x.sum(-1)), 1e-6)
    deep = F.space_to_depth(x, 2)
    np.testing.assert_array_equal(deep.numpy()[0, :, 0, 0], [1, 2, 5, 6])
    np.testing.assert_array_equal(F.depth_to_space(deep, 2), x)
