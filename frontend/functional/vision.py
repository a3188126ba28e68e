"""Images `[N, C, H, W]`: resizing."""

from __future__ import annotations

from tyc.dialects import ty
from tyc.dispatch import TensorLike, apply, as_tensor
from tyc.frames import error
from tyc.functional.arguments import Sizes, repeated
from tyc.tensors import Tensor

_MODES = {"nearest": "nearest", "linear": "linear", "bilinear": "linear", "trilinear": "linear",
          "cubic": "cubic", "bicubic": "cubic"}  # fmt: skip


def interpolate(
    x: TensorLike,
    size: Sizes | None = None,
    scale: float | tuple[float, ...] | None = None,
    mode: str = "nearest",
    align_corners: bool = False,
) -> Tensor:
    """`x` `[N, C, spatial...]` resized to `size`, or by the factor `scale`, as PyTorch does.

    `mode` is `nearest`, `linear` (`bilinear`, `trilinear`) or `cubic` (`bicubic`).
    """
    value = as_tensor(x)
    rank = value.ndim - 2
    if rank < 1:
        raise error(f"interpolate takes [N, C, spatial...], got {value.type}")
    if mode not in _MODES:
        raise error(f"mode must be one of {', '.join(_MODES)}, got {mode!r}")
    if (size is None) == (scale is None):
        raise error("interpolate takes either size or scale")
    old = value.shape[2:]
    if size is not None:
        sizes = repeated(size, rank, "size")
        factors = tuple(new / n for new, n in zip(sizes, old))
    else:
        factors = tuple(scale) if isinstance(scale, (tuple, list)) else (float(scale or 0),) * rank
        sizes = tuple(int(n * f) for n, f in zip(old, factors))
    if len(factors) != rank or min(sizes) < 1:
        raise error(f"sizes must be {rank} positive integers, got {list(sizes)}")
    nearest = _MODES[mode] == "nearest"
    smooth = "align_corners" if align_corners else "half_pixel"
    return apply(
        ty.ResizeOp,
        value,
        sizes=(*value.shape[:2], *sizes),
        mode=_MODES[mode],
        coordinates="asymmetric" if nearest else smooth,
        nearest="floor",
        scales=(1.0, 1.0, *factors),
        cubic_coefficient=-0.75,
        exclude_outside=False,
    )
