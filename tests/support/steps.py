"""What a model runs, without running it: kernel calls, bytes between them, calls that only move.

    python tests/support/steps.py ppocrv4_det unet_small

    ppocrv4_det     83 steps  215.1 MB  2 move 17.2 MB
    unet_small      25 steps  204.7 MB  4 move 30.4 MB

A step's bytes are those of its results and of its operands that are no weights.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zoo
from mlir import ir

import tyc.onnx
from tyc.compiler.options import Options
from tyc.compiler.pipeline import Compilation
from tyc.compiler.targets import host
from tyc.compiler.transforms.kinds import kind
from tyc.dialects.building import type_of, view
from tyc.dialects.program import Program


@dataclass(frozen=True)
class Step:
    """One kernel call: its ops that do something, its bytes, whether all of it is movement."""

    names: tuple[str, ...]
    nbytes: int
    moves: bool


def steps_of(program: Program) -> Iterator[Step]:
    """The calls of a fused program, in order."""
    functions: dict[str, Any] = {
        ir.StringAttr(op.attributes["sym_name"]).value: op.operation.regions[0].blocks[0]
        for op in program.module.body.operations
    }
    for operation in program.operations():
        if operation.name != "func.call":
            continue
        name = ir.FlatSymbolRefAttr(operation.attributes["callee"]).value
        ops = [view(o.operation) for o in functions[name].operations if "ty." in o.operation.name]
        kinds = {op.NAME: kind(op) for op in ops}
        work = {n: k for n, k in kinds.items() if k not in ("constant", "view")}
        values = [v for v in operation.operands if not _is_weight(v)]
        nbytes = sum(type_of(v).nbytes for v in (*values, *operation.results))
        yield Step(tuple(work), nbytes, set(work.values()) <= {"movement"})


def _is_weight(value: ir.Value) -> bool:
    owner = value.owner
    return not isinstance(owner, ir.Block) and owner.operation.name == "ty.parameter"


def fused(path: Path, shapes: dict[str, tuple[int, ...]] | None) -> Program:
    """A model up to its kernels, none of which is compiled."""
    program = tyc.onnx.load(path, shapes or None)
    Compilation(program, host(), Options()).run_program_stages()
    return program


def main(names: list[str]) -> None:
    """Prints a line for each model."""
    for model in [*zoo.package_models(), *zoo.torch_models()]:
        if not model.exists or (names and model.name not in names):
            continue
        program = fused(model.path, model.shapes)
        with program.module.context:
            steps = list(steps_of(program))
        moves = [s.nbytes for s in steps if s.moves]
        print(
            f"{model.name:20} {len(steps):4} steps {sum(s.nbytes for s in steps) / 1e6:8.1f} MB "
            f"{len(moves):3} move {sum(moves) / 1e6:6.1f} MB"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
