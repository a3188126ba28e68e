"""Pooling over windows of `[N, C, spatial...]`.

Sizes are an integer for all spatial dimensions or one for each; `stride` is the kernel's size
unless given. `ceil_mode` rounds the number of windows up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor
from tyc.frames import error
from tyc.functional.arguments import Sizes, floating, repeated
from tyc.functional.movement import concat, narrow
from tyc.functional.reduction import max as reduce_max
from tyc.functional.reduction import mean
from tyc.tensors import Tensor


def max_pool1d(
    x: TensorLike,
    kernel: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """`y[i]` = the largest of `x[i*stride + k*dilation - padding]` for `k < kernel`."""
    return _pool(1, ty.MaxPoolOp, x, kernel, stride, padding, dilation, ceil_mode)


def max_pool2d(
    x: TensorLike,
    kernel: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """As `max_pool1d` over two dimensions."""
    return _pool(2, ty.MaxPoolOp, x, kernel, stride, padding, dilation, ceil_mode)


def max_pool3d(
    x: TensorLike,
    kernel: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """As `max_pool1d` over three dimensions."""
    return _pool(3, ty.MaxPoolOp, x, kernel, stride, padding, dilation, ceil_mode)


def avg_pool1d(
    x: TensorLike,
    kernel: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """`y[i]` = the mean of `x[i*stride + k - padding]` for `k < kernel`.

    `count_include_pad` counts the zeros of the padding, never what `ceil_mode` adds.
    """
    return _average(1, x, kernel, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    x: TensorLike,
    kernel: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """As `avg_pool1d` over two dimensions."""
    return _average(2, x, kernel, stride, padding, ceil_mode, count_include_pad)


def avg_pool3d(
    x: TensorLike,
    kernel: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """As `avg_pool1d` over three dimensions."""
    return _average(3, x, kernel, stride, padding, ceil_mode, count_include_pad)


def max_pool2d_with_indices(
    x: TensorLike,
    kernel: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool2d` and the i64 place of each maximum in the flat `x`."""
    how = (kernel, stride, padding, dilation, ceil_mode)
    values, indices = _pool(2, ty.MaxPoolIndicesOp, x, *how)
    return values, indices


def lp_pool2d(
    x: TensorLike, kernel: Sizes, stride: Sizes | None = None, padding: Sizes = 0, p: int = 2
) -> Tensor:
    """`y` = `(sum of |x|**p) ** (1/p)` over windows of two dimensions."""
    return _pool(2, ty.LpPoolOp, x, kernel, stride, padding, 1, False, p=p)


def _average(
    rank: int,
    x: TensorLike,
    kernel: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    ceil_mode: bool,
    count: bool,
) -> Tensor:
    return _pool(
        rank, ty.AveragePoolOp, x, kernel, stride, padding, 1, ceil_mode, count_include_pad=count
    )


def _pool(
    rank: int,
    op: Any,
    x: TensorLike,
    kernel: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
    **attributes: Any,
) -> Any:
    value = as_tensor(x)
    if value.ndim != rank + 2:
        raise error(f"pooling over {rank} dimensions takes rank {rank + 2}, got {value.type}")
    window = repeated(kernel, rank, "kernel")
    strides = window if stride is None else repeated(stride, rank, "stride")
    pads, steps = repeated(padding, rank, "padding"), repeated(dilation, rank, "dilation")
    if any(2 * p > k for p, k in zip(pads, window)):
        raise error(f"padding must be at most half of the kernel, got {pads} for {window}")
    extra = tuple(
        _extra(n, k, s, p, d) if ceil_mode else 0
        for n, k, s, p, d in zip(value.shape[2:], window, strides, pads, steps)
    )
    ends = pads
    if op is ty.AveragePoolOp:
        attributes["extra"] = extra if any(extra) else ()
    else:
        ends = tuple(p + e for p, e in zip(pads, extra))
    return apply(
        op,
        value,
        kernel=window,
        strides=strides,
        padding=(*pads, *ends),
        dilations=steps,
        layout="NCX",
        **attributes,
    )


def _extra(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Elements to add at the end so that a last, partial window fits; it must start inside."""
    span = (kernel - 1) * dilation + 1
    rest = size + 2 * padding - span
    windows = -(-rest // stride) + 1
    if (windows - 1) * stride >= size + padding:
        windows -= 1
    return max((windows - 1) * stride - rest, 0)


def adaptive_avg_pool1d(x: TensorLike, output: Sizes) -> Tensor:
    """The mean over `output` windows: window `i` is `floor(i*n/output)..ceil((i+1)*n/output)`."""
    return _adaptive(1, floating(x, "adaptive_avg_pool1d"), output, mean)


def adaptive_avg_pool2d(x: TensorLike, output: Sizes) -> Tensor:
    """As `adaptive_avg_pool1d` over two dimensions."""
    return _adaptive(2, floating(x, "adaptive_avg_pool2d"), output, mean)


def adaptive_max_pool2d(x: TensorLike, output: Sizes) -> Tensor:
    """The maximum over the windows of `adaptive_avg_pool2d`."""
    return _adaptive(2, as_tensor(x), output, reduce_max)


def _adaptive(rank: int, x: Tensor, output: Sizes, reduce: Callable[..., Tensor]) -> Tensor:
    if x.ndim != rank + 2:
        raise error(f"pooling over {rank} dimensions takes rank {rank + 2}, got {x.type}")
    sizes = repeated(output, rank, "output")
    if min(sizes) < 1:
        raise error(f"output must be at least 1, got {sizes}")
    if max(sizes) == 1:
        return reduce(x, tuple(range(2, x.ndim)), True)
    if all(n % m == 0 for n, m in zip(x.shape[2:], sizes)):
        window = tuple(n // m for n, m in zip(x.shape[2:], sizes))
        op, more = ty.MaxPoolOp, {}
        if reduce is mean:
            op, more = ty.AveragePoolOp, {"count_include_pad": True}
        return _pool(rank, op, x, window, None, 0, 1, False, **more)
    # A window is a box, so that one dimension after another gives the same result.
    for axis, count in enumerate(sizes, 2):
        n = x.shape[axis]
        bounds = [(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]
        parts = [reduce(narrow(x, axis, b, e - b), axis, True) for b, e in bounds]
        x = concat(parts, axis)
    return x
