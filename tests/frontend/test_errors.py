"""What a user gets wrong: the message, and the user's own line before it."""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tyc
from tyc import functional as F
from tyc import nn

X = tyc.tensor(np.zeros((2, 3), np.float32))
I = tyc.tensor([[1, 2, 3]])
P = nn.Parameter([1.0])

# fmt: off
EAGER: list[tuple[Callable[[], Any], str]] = [
    (lambda: X + I,
     "ty.add: operands must have one element type, got f32[2,3], i64[1,3]; cast one of them"),
    (lambda: X + F.ones((2, 4)), "ty.add: shapes must broadcast, got f32[2,3], f32[2,4]"),
    (lambda: I + 0.5,
     "number 0.5 does not fit the element type of i64[1,3]; cast the tensor: "
     "x.astype(tyc.float32)"),
    (lambda: tyc.tensor([1], "u8") + 300, "number 300 does not fit the element type of u8[1]"),
    (lambda: (X > 0) * 2, "number 2 does not fit the element type of i1[2,3]"),
    (lambda: I / 2,
     "/ divides floats, got i64[1,3] and i64[]; cast first: x.astype(tyc.float32), or use //"),
    (lambda: F.add(X, [1, 2]),
     "an operand must be a tensor, an array or a number, got list; make it a tensor: "
     "tyc.tensor(...)"),
    (lambda: F.relu("x"),
     "an operand must be a tensor, an array or a number, got str; make it a tensor: "
     "tyc.tensor(...)"),
    (lambda: tyc.tensor("x"),
     "element type str32 is not one of f16, f32, f64, bf16, i1, i8, i16, i32, i64, u8, u16, "
     "u32, u64"),
    (lambda: tyc.tensor([[1], [2, 3]]), "nested lists must have equal lengths, got different ones"),
    (lambda: tyc.tensor([None]), "a tensor is made of numbers, got list"),
    (lambda: X.astype("f33"),
     "element type 'f33' is not one of f16, f32, f64, bf16, i1, i8, i16, i32, i64, u8, u16, "
     "u32, u64"),
    (lambda: X.item(), "item() takes a tensor with one element, got f32[2,3]"),
    (lambda: bool(X),
     "the truth of a tensor with 6 elements is ambiguous, got f32[2,3]; reduce it with "
     "tyc.functional.any or tyc.functional.all"),
    (lambda: operator.setitem(X, 0, 1),
     "a tensor never changes, got an assignment to a part of it; make a new one: "
     "tyc.functional.where, scatter or set_item"),
    (lambda: X[2], "index must be in -2..1 for dimension 0 of f32[2,3], got 2"),
    (lambda: X[0, 0, 0], "f32[2,3] takes at most 2 indices, got 3"),
    (lambda: X[..., ...], "an index has at most one '...', got more"),
    (lambda: X["a"], "an index is integers, slices, None or '...', got str"),
    (lambda: X[::0],
     "slice must be of integers with a step that is not 0, got slice(None, None, 0)"),
    (lambda: X[X > 0],
     "a mask cannot be an index, for the size of the result would depend on values; choose "
     "with tyc.functional.where"),
    (lambda: X[[0, 5]], "indices must be in -2..1, got 5"),
    (lambda: X[[0.5]], "an index must be of integers, got f64[1]"),
    (lambda: F.embedding([[1]], X),
     "an operand must be a tensor, an array or a number, got list; make it a tensor: "
     "tyc.tensor(...)"),
    (lambda: F.embedding(np.array([1.0]), X),
     "indices must be integers, got f64[1]; cast: x.astype(tyc.int64)"),
    (lambda: X.reshape(4, 2), "shape must hold 6 elements, got [4, 2] for f32[2,3]"),
    (lambda: X.reshape(-1, 4), "shape must hold 6 elements, got [-1, 4] for f32[2,3]"),
    (lambda: X.reshape("ab"), "shape must be integers, got 'ab'"),
    (lambda: X.sum(2), "axis must be in -2..1 for rank 2, got 2"),
    (lambda: X.sum((0, 0)), "axis must name different dimensions, got (0, 0)"),
    (lambda: X.sum(0.5), "axis must be an integer, got float"),
    (lambda: I.mean(), "mean takes floats, got i64[1,3]; cast first: x.astype(tyc.float32)"),
    (lambda: F.var(X, 0, correction=2), "var must have more than 2 elements to reduce, got 2"),
    (lambda: F.norm(X, 3), "p must be 1 or 2, got 3"),
    (lambda: X.transpose(0, 0), "ty.transpose: perm must be a permutation of 0..1, got [0, 0]"),
    (lambda: F.squeeze(X, 0), "squeeze takes out dimensions of size 1, got axis 0 of f32[2,3]"),
    (lambda: F.concat([]), "concat takes one tensor or more, got none"),
    (lambda: F.stack([X, I]), "stack takes tensors of one shape, got f32[2,3], i64[1,3]"),
    (lambda: F.split(X, 2, 1),
     "split makes equal parts, got 2 parts of 3 elements; give the list of sizes"),
    (lambda: F.split(X, (1, 1), 1), "sizes must add up to 3, got [1, 1]"),
    (lambda: F.pad(X, 1, "mirror"), "mode must be constant, edge, reflect or wrap, got 'mirror'"),
    (lambda: F.pad(X, -1), "padding must be up to 2 pairs that are not negative, got -1"),
    (lambda: F.pixel_unshuffle(X, 2), "x must be [N, C, H*2, W*2], got f32[2,3]"),
    (lambda: X @ X,
     "ty.matmul: inner sizes must agree, got f32[2,3] and f32[2,3]; transpose one of them"),
    (lambda: X @ 2, "matmul takes vectors and matrices, got f32[2,3] and f32[]; use *"),
    (lambda: F.linear(X, X.T), "linear takes x [..., I] and weight [O, I], got f32[2,3], f32[3,2]"),
    (lambda: F.einsum("ii->i", X),
     "equation must be like 'ij,jk->ik' with different letters, got 'ii->i'"),
    (lambda: F.einsum("i->i", X),
     "equation 'i->i' must have one letter a dimension, got ranks [2]"),
    (lambda: F.einsum("ij,ji->i", X, X), "'j' must have one size, got 3 and 2"),
    (lambda: F.einsum("i,i,i->i", P, P, P), "einsum takes one or two operands, got 3"),
    (lambda: F.conv2d(X, X), "x of conv2d must have rank 4, got f32[2,3]"),
    (lambda: F.conv1d(F.ones((1, 2, 5)), F.ones((2, 2, 3)), padding="full"),
     "padding must be integers, 'same' or 'valid', got 'full'"),
    (lambda: F.conv1d(F.ones((1, 2, 5)), F.ones((2, 2, 3)), stride=(1, 1)),
     "stride must be an integer or 1 integers, got (1, 1)"),
    (lambda: F.max_pool2d(X, 2), "pooling over 2 dimensions takes rank 4, got f32[2,3]"),
    (lambda: F.max_pool1d(F.ones((1, 2, 5)), 2, padding=2),
     "padding must be at most half of the kernel, got (2,) for (2,)"),
    (lambda: F.adaptive_avg_pool1d(F.ones((1, 2, 5)), 0), "output must be at least 1, got (0,)"),
    (lambda: F.topk(X, 4), "k must be in 0..3 for axis -1 of f32[2,3], got 4"),
    (lambda: F.interpolate(X, 2), "interpolate takes [N, C, spatial...], got f32[2,3]"),
    (lambda: F.interpolate(F.ones((1, 1, 2)), 2, mode="area"),
     "mode must be one of nearest, linear, bilinear, trilinear, cubic, bicubic, got 'area'"),
    (lambda: F.interpolate(F.ones((1, 1, 2))), "interpolate takes either size or scale"),
    (lambda: F.gelu(X, "fast"), "approximate must be 'none' or 'tanh', got 'fast'"),
    (lambda: F.mse_loss(X, I),
     "prediction and target must have one type, got f32[2,3] and i64[1,3]"),
    (lambda: F.l1_loss(X, X, "max"), "reduction must be mean, sum or none, got 'max'"),
    (lambda: F.cross_entropy(X, I),
     "target must have the shape of the scores without axis 1, got i64[1,3] for f32[2,3]"),
    (lambda: F.lstm(X, X, X, direction="up"),
     "direction must be forward, reverse or bidirectional, got 'up'"),
    (lambda: F.arange(0, 1, 0), "step must not be 0"),
    (lambda: F.zeros((-1,)), "shape must have no negative size, got [-1]"),
    (lambda: nn.Conv2d(3, 4, 3, groups=2),
     "groups must divide the channels, got 2 for 3 and 4 channels"),
    (lambda: nn.GroupNorm(2, 3), "groups must divide the channels, got 2 for 3 channels"),
    (lambda: nn.MultiheadAttention(8, 3), "heads must divide the features, got 3 for 8"),
    (lambda: nn.Dropout(1.0), "p must be in 0..1 and less than 1, got 1.0"),
    (lambda: nn.TransformerEncoderLayer(8, 2, activation="tanh"),
     "activation must be relu or gelu, got 'tanh'"),
    (lambda: nn.BatchNorm2d(3)(X), "BatchNorm2d takes rank 4 with 3 channels, got f32[2,3]"),
    (lambda: nn.BatchNorm1d(3)(X[:1]),
     "training takes more than one value a channel, got f32[1,3]"),
    (lambda: nn.LayerNorm(4)(X), "x must end in sizes (4,), got f32[2,3]"),
    (lambda: nn.LSTM(4, 5)(X), "x must be [T, B, I] with I = 4, got f32[2,3]"),
    (lambda: nn.init.kaiming_normal_(P),
     "a weight must have rank 2 or more to have fans, got f32[1]"),
    (lambda: tyc.trace(3), "trace takes a function or a module, got int"),
    (lambda: tyc.trace(exakt=True)(abs),
     "trace takes the options exact, level, weights, memory_budget, strip, freeze, target and "
     "tuned, got exakt"),
]

TRACED: list[tuple[Callable[..., Any], str]] = [
    (lambda x: x if x.sum() > 0 else -x,
     "the truth of a tensor is not known while the program is recorded, got i1[]; HINT"),
    (lambda x: x.numpy(),
     "the value of a tensor is not known while the program is recorded, got f32[2,3]; HINT"),
    (lambda x: float(x.sum()),
     "the value of a tensor is not known while the program is recorded, got f32[]; HINT"),
    (lambda x: np.exp(np.asarray(x)),
     "the value of a tensor is not known while the program is recorded, got f32[2,3]; HINT"),
    (lambda x: x + I,
     "ty.add: operands must have one element type, got f32[2,3], i64[1,3]; cast one of them"),
    (lambda x: tyc.random.permutation(3),
     "integers and permutations cannot be drawn while a program is recorded; draw them outside of "
     "the traced function and pass them as an argument"),
    (lambda x: tyc.random.seed(3),
     "the generator cannot be seeded while a program is recorded; call tyc.random.seed outside of "
     "the traced function"),
    (lambda x: x * float(P.numpy()[0]),
     "the value of a parameter is not known while the program is recorded, got f32[1]; HINT"),
    (lambda x: NORM(x) * NORM.running_mean.tolist()[0],
     "the value of a tensor is not known while the program is recorded, got f32[3]; HINT"),
    (lambda x: LEAKED.append(x) or x + LEAKED[0],
     "a tensor of another trace cannot be used, got f32[2,3]; return it from the traced "
     "function that made it"),
]
# fmt: on
HINT = "choose with tyc.functional.where, or compute it outside of the traced function"
NORM = nn.BatchNorm1d(3)
LEAKED: list[Any] = []


def _check(raised: tyc.UserError, f: Any, message: str) -> None:
    assert str(raised) == f"{__file__}:{f.__code__.co_firstlineno}: {message}"


@pytest.mark.parametrize(("f", "message"), EAGER, ids=[m[:40] for _, m in EAGER])
def test_eager(f: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(tyc.UserError) as raised:
        f()
    _check(raised.value, f, message)


@pytest.mark.parametrize(("f", "message"), TRACED, ids=[m[:40] for _, m in TRACED])
def test_traced(f: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    LEAKED[:] = []
    if "LEAKED" in f.__code__.co_names:
        tyc.trace(f).program(X)
    with pytest.raises(tyc.UserError) as raised:
        tyc.trace(f)(X)
    _check(raised.value, f, message.replace("HINT", HINT))


def test_the_place_is_short_below_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parent)
    with pytest.raises(tyc.UserError, match=r"^test_errors.py:\d+: shape must hold"):
        X.reshape(5)


def test_calls_that_do_not_fit() -> None:
    f = tyc.trace(lambda x: x)
    with pytest.raises(tyc.UserError, match="missing a required argument: 'x'"):
        f()
    with pytest.raises(tyc.UserError, match="x must be a tensor, a tuple, a list, a dictionary or "
                       "hashable, got set"):  # fmt: skip
        f({1, 2})
    with pytest.raises(tyc.UserError, match="a traced function must return or change tensors"):
        tyc.trace(lambda x: None)(X)


def test_an_error_leaves_no_trace_behind() -> None:
    def fail(x: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        tyc.trace(fail)(X)
    assert (X + 1).numpy().shape == (2, 3)
