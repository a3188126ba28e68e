"""Examples of ops as kernels for other machines, all in one library and one emulated process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import emulator
import numpy as np
from mlir import ir
from single_op import arrays, attributes, cases, program, replaced
from tolerances import assert_close

from tyc.compiler import pool
from tyc.compiler.codegen import link, native, runtime_objects
from tyc.compiler.kernels import KernelSource
from tyc.compiler.options import Options
from tyc.compiler.targets import Target
from tyc.dialects import registration
from tyc.dialects.interpreter import evaluate
from tyc.dialects.ods import Example, Op

PIECES = (1, 3)


@dataclass(frozen=True)
class Examined:
    """An example of an op, what its reference says, and the name of its kernel."""

    name: str
    op: type[Op]
    example: Example
    wanted: list[np.ndarray]
    source: KernelSource


def examples(most: int | None = None) -> Iterator[Examined]:
    """At most so many examples of each op, those that are kernels; needs no context."""
    registration.dialect_text()  # fills the registry
    with registration.context(), ir.Location.unknown():
        for name, op, example in cases():
            if most is not None and int(name.rsplit("-", 1)[1]) >= most:
                continue
            if op.NAME == "constant":
                continue  # most are arguments of kernels
            given = arrays(example)
            wanted = evaluate(op, replaced(example, given), attributes(op, example))
            made, symbol = program(op, example), name.replace("-", "_")
            made.main.attributes["sym_name"] = ir.StringAttr.get(symbol)
            yield Examined(name, op, example, wanted, KernelSource(symbol, str(made.module)))


def failures(target: Target, examined: Sequence[Examined], folder: Path) -> dict[str, str]:
    """What is wrong with which example on an emulated machine: its name and a line of text."""
    made, failed = pool.compile_all([e.source for e in examined], target, Options())
    found = {f.source.name: f"does not compile: {f.message}" for f in failed}
    library = folder / "kernels.so"
    link.link_shared(
        [*(k.code for k in made.values()), *runtime_objects.helper_objects(target.platform)],
        library, [native.task_symbol(n) for n in made], platform=target.platform,
    )  # fmt: skip
    there = [e for e in examined if e.source.name in made]
    runs = [
        emulator.Case(
            library, native.task_symbol(e.source.name), arrays(e.example),
            [(w.shape, w.dtype) for w in e.wanted], made[e.source.name].count, pieces,
        )
        for e in there for pieces in PIECES
    ]  # fmt: skip
    said = emulator.run(target, runs, folder)
    for i, e in enumerate(there):
        parts = runs[len(PIECES) * i : len(PIECES) * (i + 1)]
        if wrong := _wrong(e, parts):
            found[e.name] = f"{wrong} {said}".strip()
    return found


def _wrong(e: Examined, runs: Sequence[emulator.Case]) -> str:
    for run in runs:
        if run.message != "ok":
            return run.message
    for actual, wanted in zip(runs[0].results, e.wanted):
        try:
            assert_close(actual, wanted, e.example.tolerance)
        except AssertionError as error:
            return " ".join(str(error).split())[:300]
    for whole, part in zip(runs[0].results, runs[1].results):
        if whole.tobytes() != part.tobytes():
            return "the result depends on the split"
    return ""
