"""Attention is recognised as exporters write it, and what only looks like it is left alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from programs import check, only, program

from tyc.compiler.options import Options
from tyc.compiler.transforms.canonicalize import canonicalize
from tyc.compiler.transforms.raise_attention import raise_attention
from tyc.dialects import ty

HEADS = (2, 3, 8, 16)
ROWS = (2, 8, 3, 16)
MASK = (8, 8)
LATER = np.where(np.tri(8, dtype=bool), 0, -math.inf).astype(np.float32)


def n(value: float) -> Any:
    return ty.constant(value=np.float32(value))


def plain(q: Any, k: Any, v: Any, change: Any = lambda s: s, axis: int = -1) -> Any:
    scores = change(ty.matmul(q, k, transpose_b=True))
    return ty.matmul(ty.softmax(scores, axis=axis), v)


def heads(x: Any) -> Any:
    return ty.transpose(x, perm=[0, 2, 1, 3])


def raised(*inputs: Any, tolerance: float = 1e-5, **parameters: np.ndarray) -> Any:
    """What a body becomes: its only attention; raises `ValueError` where there is none."""
    body, *shapes = inputs
    with program(body, *shapes, **parameters) as made:
        check(made, raise_attention, tolerance=tolerance)
        op = only(made, "attention")
        return op.mask is not None, op.scale, op.causal, op.sequence_first


def test_products_around_a_softmax() -> None:
    assert raised(plain, HEADS, HEADS, HEADS) == (False, 1.0, False, False)


@pytest.mark.parametrize("rank", [2, 3])
def test_any_number_of_batch_dimensions(rank: int) -> None:
    shape = HEADS[-rank:]
    assert raised(plain, shape, shape, shape) == (False, 1.0, False, False)


def test_scale_and_mask() -> None:
    def body(q: Any, k: Any, v: Any, mask: Any) -> Any:
        return plain(q, k, v, lambda s: ty.add(mask, ty.divide(ty.multiply(s, n(0.5)), n(4))))

    assert raised(body, HEADS, HEADS, HEADS, MASK) == (True, 0.125, False, False)


def test_two_masks_are_one_sum() -> None:
    def body(q: Any, k: Any, v: Any, a: Any, b: Any) -> Any:
        return plain(q, k, v, lambda s: ty.add(ty.add(s, a), b))

    assert raised(body, HEADS, HEADS, HEADS, MASK, (1, 1, 8))[0]


@pytest.mark.parametrize("low", [-math.inf, float(np.finfo(np.float32).min)])
def test_hidden_scores_are_a_mask(low: float) -> None:
    def body(q: Any, k: Any, v: Any, shown: Any) -> Any:
        return plain(q, k, v, lambda s: ty.where(shown, s, n(low)))

    def inverse(q: Any, k: Any, v: Any, hidden: Any) -> Any:
        return plain(q, k, v, lambda s: ty.where(hidden, n(low), s))

    shown = np.ones((8, 8), bool)
    shown[:, 5:] = False
    assert raised(body, HEADS, HEADS, HEADS, shown=shown) == (True, 1.0, False, False)
    assert raised(inverse, HEADS, HEADS, HEADS, hidden=~shown) == (True, 1.0, False, False)


def test_mask_of_later_keys_is_causal() -> None:
    def body(q: Any, k: Any, v: Any, mask: Any) -> Any:
        return plain(q, k, v, lambda s: ty.add(s, mask))

    def choice(q: Any, k: Any, v: Any, shown: Any) -> Any:
        return plain(q, k, v, lambda s: ty.where(shown, s, n(-math.inf)))

    assert raised(body, HEADS, HEADS, HEADS, mask=LATER) == (False, 1.0, True, False)
    shown = np.tri(8, dtype=bool)[None, None]
    assert raised(choice, HEADS, HEADS, HEADS, shown=shown) == (False, 1.0, True, False)
    assert raised(body, HEADS, HEADS, HEADS, mask=LATER / 2 + 1) == (True, 1.0, False, False)


def test_transposes_of_heads_are_absorbed() -> None:
    def body(q: Any, k: Any, v: Any) -> Any:
        return heads(plain(heads(q), heads(k), heads(v)))

    def one_stays(q: Any, k: Any, v: Any) -> Any:
        return heads(plain(heads(q), k, heads(v)))

    assert raised(body, ROWS, ROWS, ROWS) == (False, 1.0, False, True)
    assert raised(one_stays, ROWS, HEADS, ROWS) == (False, 1.0, False, True)


def test_transpose_of_keys_that_exporters_write() -> None:
    def body(q: Any, k: Any, v: Any) -> Any:
        turned = ty.transpose(k, perm=[0, 2, 3, 1])
        return heads(ty.matmul(ty.softmax(ty.matmul(heads(q), turned), axis=3), heads(v)))

    with program(body, ROWS, ROWS, ROWS) as made:
        found = check(made, canonicalize, raise_attention, tolerance=1e-5)
    assert found == ["attention"]


def test_mask_is_read_before_it_is_broadcast() -> None:
    def body(q: Any, k: Any, v: Any, seen: Any, all_: Any) -> Any:
        shown = ty.logical_and(all_, seen)
        mask = ty.where(shown, n(0), n(-1e38))
        return plain(q, k, v, lambda s: ty.add(s, mask))

    shapes = (HEADS, HEADS, HEADS, ((2, 1, 1, 8), "i1"))
    with program(body, *shapes, all_=np.ones((8, 1), bool)) as made:
        check(made, canonicalize, raise_attention, tolerance=1e-5)
        assert tuple(only(made, "attention").mask.type.shape) == (2, 1, 1, 8)


def test_mask_of_zeros_is_none() -> None:
    def body(q: Any, k: Any, v: Any, mask: Any) -> Any:
        return ty.attention(q, k, v, mask, scale=0.5)

    zeros = np.zeros((8, 8), np.float32)
    assert raised(body, HEADS, HEADS, HEADS, mask=zeros) == (False, 0.5, False, False)


def along_another_axis(q: Any, k: Any, v: Any, x: Any) -> Any:
    return plain(q, k, v, axis=2)


def scale_of_a_value(q: Any, k: Any, v: Any, x: Any) -> Any:
    return plain(q, k, v, lambda s: ty.multiply(s, x))


def scale_after_the_mask(q: Any, k: Any, v: Any, x: Any) -> Any:
    return plain(q, k, v, lambda s: ty.multiply(ty.add(s, x), n(2)))


def scores_read_elsewhere(q: Any, k: Any, v: Any, x: Any) -> Any:
    kept: list[Any] = []
    y = plain(q, k, v, lambda s: kept.append(s) or s)
    return [y, *kept]


def weights_read_elsewhere(q: Any, k: Any, v: Any, x: Any) -> Any:
    weights = ty.softmax(ty.matmul(q, k, transpose_b=True), axis=3)
    return [ty.matmul(weights, v), weights]


def mask_that_spreads_scores(q: Any, k: Any, v: Any, x: Any) -> Any:
    one = ty.slice(q, starts=[0, 0, 0, 0], sizes=[1, 3, 8, 16], steps=[1, 1, 1, 1])
    two = ty.slice(k, starts=[0, 0, 0, 0], sizes=[1, 3, 8, 16], steps=[1, 1, 1, 1])
    return plain(one, two, v, lambda s: ty.add(s, x))


def hidden_by_a_small_number(q: Any, k: Any, v: Any, x: Any) -> Any:
    return plain(q, k, v, lambda s: ty.where(ty.greater(x, n(0)), s, n(-5)))


def product_with_weights_turned(q: Any, k: Any, v: Any, x: Any) -> Any:
    scores = ty.softmax(ty.matmul(q, k, transpose_b=True), axis=3)
    return ty.matmul(scores, v, transpose_a=True)


OTHERS = [along_another_axis, scale_of_a_value, scale_after_the_mask, scores_read_elsewhere,
          weights_read_elsewhere, mask_that_spreads_scores, hidden_by_a_small_number,
          product_with_weights_turned]  # fmt: skip


@pytest.mark.parametrize("body", OTHERS, ids=lambda b: b.__name__)
def test_what_is_not_attention_stays(body: Any) -> None:
    with program(body, HEADS, HEADS, HEADS, (2, 1, 8, 8)) as made:
        assert "attention" not in check(made, raise_attention)


@pytest.mark.parametrize("shape", [(2, 3, 2, 16), (2, 3, 8, 2000)])
def test_what_the_schedule_does_not_take_stays(shape: tuple[int, ...]) -> None:
    with program(plain, shape, shape, shape) as made:
        assert "attention" not in check(made, raise_attention)


def test_exact_mode_keeps_the_products() -> None:
    with program(plain, HEADS, HEADS, HEADS) as made:
        raise_attention(made, Options(exact=True))
        assert check(made) == ["matmul", "softmax", "matmul"]
