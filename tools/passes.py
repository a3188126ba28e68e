"""Every pass over programs by its name, as `tyc opt --passes` takes them."""

from __future__ import annotations

from collections.abc import Callable

from mlir import ir

from tyc.compiler.lowering.kernel import lower_to_linalg
from tyc.compiler.options import Options
from tyc.compiler.transforms.expand_composites import expand_composites, expand_kernel
from tyc.compiler.transforms.fuse import fuse
from tyc.compiler.transforms.place_parts import place_parts
from tyc.compiler.transforms.plan_memory import materialize_outputs
from tyc.compiler.transforms.simplify import PASSES as SIMPLIFICATIONS
from tyc.compiler.transforms.simplify import simplify
from tyc.dialects.program import Program
from tyc.runtime.errors import UserError
from tyc.tools.textual import functions

Pass = Callable[[Program, Options], object]


def _lower_to_linalg(program: Program, options: Options) -> None:
    """Replaces every kernel, a function without calls and parameters, by its linalg form."""
    for function in list(functions(program.module)):
        names = [o.operation.name for o in function.regions[0].blocks[0].operations]
        if "func.call" in names or "ty.parameter" in names:
            continue
        expand_kernel(function)
        lowered = lower_to_linalg(function)
        clone = lowered.body.operations[0].operation.clone(ip=ir.InsertionPoint(function))
        function.erase()
        clone.verify()


PASSES: dict[str, Pass] = {
    **dict(SIMPLIFICATIONS),
    "simplify": simplify,
    "expand-composites": lambda program, options: expand_composites(program),
    "materialize-outputs": lambda program, options: materialize_outputs(program),
    "fuse": lambda program, options: fuse(program, options.level > 0),
    "place-parts": lambda program, options: place_parts(program),
    "lower-to-linalg": _lower_to_linalg,
}


def find_passes(text: str) -> list[tuple[str, Pass]]:
    """The passes of `"canonicalize,cse"` in order."""
    names = [n.strip() for n in text.split(",") if n.strip()]
    for name in names:
        if name not in PASSES:
            raise UserError(
                f"pass must be one of {', '.join(PASSES)}, got {name!r}", node="--passes"
            )
    return [(name, PASSES[name]) for name in names]
