"""Moves factors and terms a channel into the weights and the bias of what they scale.

    %0 = "ty.conv"(%x, %w)                        %w2 = w * scale / sqrt(variance + epsilon)
    %1 = "ty.batch_norm"(%0, %scale, ...)         %b2 = bias - mean * scale / sqrt(...)
                                                  %0 = "ty.conv"(%x, %w2, %b2)

(R1) a batch norm with known statistics is a product and a sum a channel;
(R2) a product after a conv, conv_transpose or matmul goes into its weight (and bias), a sum after a
     convolution into its bias, where the convolution has no other reader;
(R3) a product before a conv or matmul goes into its weight, a sum before a conv without padding
     into its bias, where nothing else reads the sum or product.

New weights are computed in f64 and rounded once. Not for exact mode.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from mlir import ir

from tyc.compiler.options import Options
from tyc.compiler.transforms.constants import Context, has_one_use, made_by, rebuilt
from tyc.compiler.transforms.worklist import rewrite
from tyc.dialects import building, ty, windows
from tyc.dialects.program import Program

_type = building.type_of


def fold_batch_norm(program: Program, options: Options) -> bool:
    """Applies R1 to R3 to a fixpoint, unless `options.exact`; true where something changed."""
    if options.exact:
        return False
    patterns = {
        "batch_norm": (split_batch_norm,),
        "multiply": (scale_result,),
        "add": (shift_result,),
        "conv": (scale_operand, shift_operand),
        "matmul": (scale_rows,),
    }
    return rewrite(program, options, patterns)


def split_batch_norm(op: Any, context: Context) -> ir.Value | None:
    """R1: batch_norm(x) = x * (scale / sqrt(variance + epsilon)) + (bias - mean * ...)."""
    arrays = [context.array(v) for v in (op.scale, op.bias, op.mean, op.variance)]
    if any(a is None for a in arrays):
        return None
    scale, bias, mean, variance = (np.asarray(a, np.float64) for a in arrays)
    factor = scale / np.sqrt(variance + op.epsilon)
    x = _type(op.x)
    shape = [1] * x.rank
    shape[op.channel_axis % x.rank] = -1
    make = _rounder(context, op.x, context.stem(op.scale))
    product = ty.multiply(op.x, make(factor.reshape(shape)))
    return ty.add(product, make((bias - mean * factor).reshape(shape)))


def _rounder(context: Context, like: ir.Value, stem: str) -> Any:
    element = _type(like).dtype.numpy
    return lambda array: context.constant(array.astype(element), stem)


def _along(context: Context, value: ir.Value, rank: int, axis: int) -> np.ndarray | None:
    """The known elements of a value that differ along one dimension only: `[C]` or `[1]`, f64."""
    t = _type(value)
    if not t.dtype.is_float or t.rank > rank:
        return None
    shape = (*[1] * (rank - t.rank), *t.shape)
    if any(n != 1 for d, n in enumerate(shape) if d != axis):
        return None
    array = context.array(value)
    return None if array is None else np.asarray(array, np.float64).reshape(-1)


def _output_axis(op: Any) -> int:
    rank = _type(op.y).rank
    return rank - 1 if op.NAME == "matmul" else windows.channel_axis(op.layout, rank)


def scale_result(op: Any, context: Context) -> ir.Value | None:
    """R2: conv(x, w, b) * c = conv(x, w * c, b * c)."""
    inner, factor = _result_and_constant(op, context, "conv", "conv_transpose", "matmul")
    if inner is None or factor is None:
        return None
    if inner.NAME == "matmul":
        return _scale_columns(inner, factor, context)
    weight, bias = context.array(inner.weight), context.array(inner.bias)
    if weight is None or (inner.bias is not None and bias is None):
        return None
    scaled = _scale_outputs(inner, np.asarray(weight, np.float64), factor)
    make = _rounder(context, op.y, context.stem(inner.weight))
    new_bias = None if bias is None else make(np.asarray(bias, np.float64) * factor)
    return rebuilt(inner, inner.x, make(scaled), new_bias)


def _result_and_constant(op: Any, context: Context, *names: str) -> tuple[Any, Any]:
    """The op of one of `names` that makes `op.a` for this op only, and `op.b` along channels."""
    inner = made_by(op.a, *names)
    if inner is None or not has_one_use(op.a) or op.a.type != op.y.type:
        return None, None
    return inner, _along(context, op.b, _type(op.y).rank, _output_axis(inner))


def _scale_outputs(conv: Any, weight: np.ndarray, factor: np.ndarray) -> np.ndarray:
    tail = [1] * (weight.ndim - 2)
    if conv.NAME == "conv":
        return weight * factor.reshape(-1, 1, *tail)
    # [C, O / groups, ...]: a group of rows has outputs of its own.
    grouped = weight.reshape(conv.groups, -1, *weight.shape[1:])
    per_group = np.broadcast_to(factor, conv.groups * weight.shape[1]).reshape(
        conv.groups, 1, weight.shape[1], *tail
    )
    return (grouped * per_group).reshape(weight.shape)


def _scale_columns(matmul: Any, factor: np.ndarray, context: Context) -> ir.Value | None:
    weight = context.array(matmul.b)
    if weight is None:
        return None
    shaped = factor[:, None] if matmul.transpose_b else factor[None, :]
    make = _rounder(context, matmul.y, context.stem(matmul.b))
    return rebuilt(matmul, matmul.a, make(np.asarray(weight, np.float64) * shaped))


def shift_result(op: Any, context: Context) -> ir.Value | None:
    """R2: conv(x, w, b) + c = conv(x, w, b + c)."""
    inner, term = _result_and_constant(op, context, "conv", "conv_transpose")
    if inner is None or term is None:
        return None
    bias = np.float64(0) if inner.bias is None else context.array(inner.bias)
    if bias is None:
        return None
    channels = _type(op.y).shape[_output_axis(inner)]
    make = _rounder(context, op.y, context.stem(op.b))
    total = np.broadcast_to(np.asarray(bias, np.float64) + term, (channels,))
    return rebuilt(inner, inner.x, inner.weight, make(total))


def _operand_and_constant(op: Any, context: Context, name: str) -> tuple[Any, Any, Any]:
    """The product or sum that a convolution alone reads, its constant along the input's channels,
    and the convolution's weight."""
    inner = made_by(op.x, name)
    if inner is None or not has_one_use(op.x) or inner.a.type != inner.y.type:
        return None, None, None
    rank = _type(op.x).rank
    constant = _along(context, inner.b, rank, windows.channel_axis(op.layout, rank))
    weight = context.array(op.weight) if constant is not None else None
    if weight is None or constant is None:
        return None, None, None
    channels = weight.shape[1] * op.groups
    return inner, np.broadcast_to(constant, (channels,)), np.asarray(weight, np.float64)


def _per_weight(op: Any, weight: np.ndarray, constant: np.ndarray) -> np.ndarray:
    """The input channel's constant for each element of a weight: `[O, C / groups, 1...]`."""
    groups = constant.reshape(op.groups, weight.shape[1])
    rows = np.repeat(groups, weight.shape[0] // op.groups, axis=0)
    return rows.reshape(*rows.shape, *[1] * (weight.ndim - 2))


def scale_operand(op: Any, context: Context) -> ir.Value | None:
    """R3: conv(x * c, w) = conv(x, w * c)."""
    inner, factor, weight = _operand_and_constant(op, context, "multiply")
    if inner is None:
        return None
    make = _rounder(context, op.y, context.stem(op.weight))
    return rebuilt(op, inner.a, make(weight * _per_weight(op, weight, factor)), op.bias)


def shift_operand(op: Any, context: Context) -> ir.Value | None:
    """R3: conv(x + c, w, b) = conv(x, w, b + sum w * c), where padding adds no zeros."""
    if any(op.padding):
        return None
    inner, term, weight = _operand_and_constant(op, context, "add")
    bias = np.zeros(()) if op.bias is None else context.array(op.bias)
    if inner is None or bias is None:
        return None
    axes = tuple(range(1, weight.ndim))
    more = (weight * _per_weight(op, weight, term)).sum(axes)
    make = _rounder(context, op.y, context.stem(op.weight))
    return rebuilt(op, inner.a, op.weight, make(np.asarray(bias, np.float64) + more))


def scale_rows(op: Any, context: Context) -> ir.Value | None:
    """R3: (x * c) @ w = x @ (w * c), a factor a row."""
    inner = made_by(op.a, "multiply")
    if inner is None or not has_one_use(op.a) or inner.a.type != inner.y.type or op.transpose_a:
        return None
    rank = _type(op.a).rank
    factor = _along(context, inner.b, rank, rank - 1)
    weight = context.array(op.b) if factor is not None else None
    if weight is None or factor is None:
        return None
    shaped = factor[None, :] if op.transpose_b else factor[:, None]
    make = _rounder(context, op.y, context.stem(op.b))
    return rebuilt(op, inner.a, make(np.asarray(weight, np.float64) * shaped))
