"""What a kernel's schedule can choose: a family, and parameters within it, as plain data.

    Choice("contraction", {"height": 4, "vectors": 3})      {"family": ..., "parameters": ...}

A `Family` turns a kernel into code (`schedule`), says how long its default takes (`estimate`) and
lists what else it could do (`space`). A module that a family does not take gives `None`, `None`
and `[]`. Parameters that no longer fit raise `InvalidParameters`: a choice may be older than the
compiler.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from mlir import ir

    from tyc.compiler.options import Options
    from tyc.compiler.schedules.kernel import ScheduledKernel
    from tyc.compiler.targets import Target

Parameters = Mapping[str, Any]
"""JSON-able; the empty mapping is a family's default."""


class InvalidParameters(ValueError):
    """Parameters that a family cannot schedule a kernel with."""


@dataclass(frozen=True)
class Choice:
    """A family by name and parameters for it; equal where their JSON is."""

    family: str
    parameters: Parameters = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The choice as plain data."""
        return {"family": self.family, "parameters": dict(self.parameters)}

    @staticmethod
    def from_json(data: Any) -> Choice:
        """The choice of `to_json`'s data; raises `InvalidParameters` for anything else."""
        match data:
            case {"family": str() as family, "parameters": dict() as parameters}:
                return Choice(family, parameters)
        raise InvalidParameters(f"a choice is a family and parameters, got {data}")

    @property
    def text(self) -> str:
        """The choice as one line of JSON, always the same for equal choices."""
        return json.dumps(self.to_json(), sort_keys=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Choice) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


class Family(Protocol):
    """One way to make code of kernels."""

    name: str

    def schedule(
        self,
        module: ir.Module,
        target: Target,
        options: Options,
        parameters: Parameters | None = None,
    ) -> ScheduledKernel | None:
        """The kernel as code; without parameters by the family's cost model."""
        ...

    def space(
        self, module: ir.Module, target: Target, options: Options, limit: int
    ) -> list[Parameters]:
        """At most `limit` parameters, the default first, then by rising estimated cost."""
        ...

    def estimate(self, module: ir.Module, target: Target, options: Options) -> float | None:
        """Nanoseconds of the default on one thread."""
        ...
