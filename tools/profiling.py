"""What a profile says of each kernel: rates beside the limits of the machine, and its origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tyc.runtime.profile import Profile
from tyc.tools.roofline import Roofline


@dataclass(frozen=True)
class Row:
    """One call of a kernel, or all calls of one kernel: time, work, and the least time possible."""

    kernel: str
    origins: tuple[str, ...]
    calls: int
    seconds: float
    share: float
    flops: int
    bytes: int
    level: str
    """The nearest level of memory that holds what one call reads and writes."""
    limit_seconds: float
    parallel: bool

    @property
    def flops_per_second(self) -> float:
        """FLOP/s, 0 for a kernel that does not compute."""
        return self.flops / self.seconds if self.seconds else 0.0

    @property
    def bytes_per_second(self) -> float:
        """Bytes that are read and written at least, a second."""
        return self.bytes / self.seconds if self.seconds else 0.0

    @property
    def of_limit(self) -> float:
        """The least time possible as a part of the time taken: 1 stands at the roof."""
        return self.limit_seconds / self.seconds if self.seconds else 0.0

    def to_json(self) -> dict[str, Any]:
        """The row as JSON-able data."""
        rates = {
            "flops_per_second": self.flops_per_second,
            "bytes_per_second": self.bytes_per_second,
            "of_limit": self.of_limit,
        }
        return {**asdict(self), **rates}


def step_rows(manifest: Mapping[str, Any], profile: Profile, limits: Roofline) -> list[Row]:
    """A row for each step, in order."""
    kernels = {k["name"]: k for k in manifest["kernels"]}
    total = float(profile.seconds.sum()) or 1.0
    rows = []
    for step, seconds in zip(manifest["steps"], map(float, profile.seconds)):
        kernel = kernels[step["kernel"]]
        flops, nbytes = kernel["flops"], kernel["bytes"]
        rows.append(
            Row(
                kernel=kernel["name"],
                origins=(step["origin"],),
                calls=1,
                seconds=seconds,
                share=seconds / total,
                flops=flops,
                bytes=nbytes,
                level=limits.level(nbytes).name,
                limit_seconds=limits.seconds(flops, nbytes),
                parallel=kernel["parallel"],
            )
        )
    return rows


def kernel_rows(steps: Sequence[Row]) -> list[Row]:
    """A row for each kernel with all its calls, the one that takes longest at the front."""
    groups: dict[str, list[Row]] = {}
    for row in steps:
        groups.setdefault(row.kernel, []).append(row)
    rows = [
        Row(
            kernel=name,
            origins=tuple(o for r in group for o in r.origins),
            calls=len(group),
            seconds=sum(r.seconds for r in group),
            share=sum(r.share for r in group),
            flops=sum(r.flops for r in group),
            bytes=sum(r.bytes for r in group),
            level=group[0].level,
            limit_seconds=sum(r.limit_seconds for r in group),
            parallel=group[0].parallel,
        )
        for name, group in groups.items()
    ]
    return sorted(rows, key=lambda r: -r.seconds)


def time_unit(seconds: float) -> tuple[str, float]:
    """The unit in which a duration is read easily, and how many of it a second has."""
    return ("ms", 1e3) if seconds >= 1e-3 else ("µs", 1e6)


def time_text(seconds: float) -> str:
    """A duration with its unit."""
    unit, scale = time_unit(abs(seconds))
    return f"{seconds * scale:.3f} {unit}" if unit == "ms" else f"{seconds * scale:.1f} {unit}"


def origin_text(origins: Sequence[str], width: int = 60) -> str:
    """Where calls came from: the first one, and how many more there are."""
    first = origins[0].removeprefix("onnx:") if origins else ""
    if len(first) > width:
        first = f"{first[: width - 3]}..."
    return first if len(origins) < 2 else f"{first} +{len(origins) - 1}"
