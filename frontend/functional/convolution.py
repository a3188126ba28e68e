"""Convolutions of `[N, C, spatial...]` with weights `[O, C/groups, kernel...]`, of floats.

Sizes are an integer for all spatial dimensions or one for each. `padding` is that, or `same`
(output size = ceil(input size / stride), the odd element at the end) or `valid` (none).
"""

from __future__ import annotations

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor
from tyc.frames import error
from tyc.functional.arguments import Sizes, repeated
from tyc.tensors import Tensor


def conv1d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """`y[n,o,i] = bias[o] + sum of x[n,c,i*stride + k*dilation - padding] * weight[o,c,k]`."""
    return _conv(1, x, weight, bias, stride, padding, dilation, groups)


def conv2d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """As `conv1d` over two dimensions, `x` is `[N, C, H, W]`."""
    return _conv(2, x, weight, bias, stride, padding, dilation, groups)


def conv3d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """As `conv1d` over three dimensions, `x` is `[N, C, D, H, W]`."""
    return _conv(3, x, weight, bias, stride, padding, dilation, groups)


def _conv(
    rank: int,
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None,
    stride: Sizes,
    padding: Sizes | str,
    dilation: Sizes,
    groups: int,
) -> Tensor:
    value, filters = _ranked(rank, x, "x"), _ranked(rank, weight, "weight")
    strides, dilations = repeated(stride, rank, "stride"), repeated(dilation, rank, "dilation")
    low, high = _padding(padding, value.shape[2:], filters.shape[2:], strides, dilations)
    return apply(
        ty.ConvOp,
        value,
        filters,
        bias,
        strides=strides,
        padding=(*low, *high),
        dilations=dilations,
        groups=groups,
        layout="NCX",
    )


def _ranked(rank: int, x: TensorLike, what: str) -> Tensor:
    value = as_tensor(x)
    if value.ndim != rank + 2:
        raise error(f"{what} of conv{rank}d must have rank {rank + 2}, got {value.type}")
    return value


def _padding(
    padding: Sizes | str,
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if not isinstance(padding, str):
        given = repeated(padding, len(sizes), "padding")
        return given, given
    if padding not in ("same", "valid"):
        raise error(f"padding must be integers, 'same' or 'valid', got {padding!r}")
    total = [0] * len(sizes)
    if padding == "same":
        total = [
            max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            for n, k, s, d in zip(sizes, kernel, strides, dilations)
        ]
    return tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)


def conv_transpose1d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """The gradient of `conv1d` by its input: `x` is spread by `stride`; weight `[C, O/groups, K]`.

    The size of the result is `(n-1)*stride - 2*padding + dilation*(k-1) + output_padding + 1`.
    """
    return _transposed(1, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """As `conv_transpose1d` over two dimensions."""
    return _transposed(2, x, weight, bias, stride, padding, output_padding, groups, dilation)


def _transposed(
    rank: int,
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None,
    stride: Sizes,
    padding: Sizes,
    output_padding: Sizes,
    groups: int,
    dilation: Sizes,
) -> Tensor:
    return apply(
        ty.ConvTransposeOp,
        _ranked(rank, x, "x"),
        _ranked(rank, weight, "weight"),
        bias,
        strides=repeated(stride, rank, "stride"),
        padding=repeated(padding, rank, "padding") * 2,
        dilations=repeated(dilation, rank, "dilation"),
        output_padding=repeated(output_padding, rank, "output_padding"),
        groups=groups,
        layout="NCX",
    )
