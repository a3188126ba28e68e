"""Convolutions of `[N, C, spatial...]` with weights `[O, C/groups, kernel...]`, of floats.

Sizes are an integer for all spatial dimensions or one for each. `padding` is that, or `same`
(output size = ceil(input size / stride), the odd element at the end) or `valid` (none).
"""

from __future__ import annotations

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor, as_tensors
from tyc.frames import error
from tyc.functional.arguments import Sizes, repeated
from tyc.functional.contraction import einsum
from tyc.functional.movement import pad, reshape, stack
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


def local_conv2d(
    x: TensorLike,
    weight: TensorLike,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
) -> Tensor:
    """`conv2d` with another weight at each place: `[groups, OH, OW, C/groups, K, K, O/groups]`.

    Raises `UserError` unless the weight fits `x` `[N, C, H, W]` and the size of the result.
    """
    image, table = as_tensors((x, weight))
    if image.ndim != 4 or table.ndim != 7:
        raise error(f"x must have rank 4 and weight rank 7, got {image.type} and {table.type}")
    groups, *places, inner = table.shape[:4]
    kernel = table.shape[4:6]
    steps, gaps = repeated(stride, 2, "stride"), repeated(dilation, 2, "dilation")
    pads = repeated(padding, 2, "padding")
    sizes = [n + 2 * p for n, p in zip(image.shape[2:], pads)]
    fitting = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(sizes, kernel, steps, gaps)]
    if image.shape[1] != groups * inner or fitting != places:
        wanted = f"{groups * inner} channels and a result of {places}"
        raise error(f"weight asks for {wanted}, got {image.type}, which gives {fitting}")
    padded = pad(image, [(0, 0), (0, 0), *((p, p) for p in pads)]) if any(pads) else image
    taps = []
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            rows, columns = (
                slice(k * d, k * d + (n - 1) * s + 1, s)
                for k, d, n, s in zip((i, j), gaps, places, steps)
            )
            part = padded[:, :, rows, columns]
            taps.append(reshape(part, (image.shape[0], groups, inner, *places)))
    flat = reshape(table, (groups, *places, inner, kernel[0] * kernel[1], table.shape[6]))
    y = einsum("ngihwk,ghwiko->ngohw", stack(taps, -1), flat)
    return reshape(y, (image.shape[0], groups * table.shape[6], *places))
