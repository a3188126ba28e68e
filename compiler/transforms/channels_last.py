"""Keeps the convolutional parts of a program with channels last.

    %0 = "ty.conv"(%x, %w)                     %t = "ty.transpose"(%x) {perm = [0, 2, 3, 1]}
    %1 = "ty.relu"(%0)                         %0 = "ty.conv"(%t, %w) {layout = "NXC"}
    %2 = "ty.conv"(%1, %v)          becomes    %1 = "ty.relu"(%0)
    %3 = "ty.reduce_mean"(%2)                  %2 = "ty.conv"(%1, %v) {layout = "NXC"}
         {axes = [2, 3]}                       %3 = "ty.reduce_mean"(%2) {axes = [1, 2]}

Convolutions and poolings become NXC. What follows takes its operands in whatever order they are
kept (`layout_rules.py`), until an op needs the natural order: a transpose stands there, and nowhere
else. Inputs and outputs keep their order, and so does a convolution on its own that is not worth
the transposes around it. Weights stay `[O, C, ...]`: they are packed when the artifact is written.

Not for exact mode: sums over channels and pixels run in another order.
"""

from __future__ import annotations

import math
from typing import Any

from mlir import ir

from tyc.compiler.options import Options
from tyc.compiler.rewriting import erase_dead, replace
from tyc.compiler.transforms.layout_rules import READERS, WINDOWS, rule_of
from tyc.compiler.transforms.layouts import Layouts, Stored
from tyc.dialects import building
from tyc.dialects.program import Program

# Fewer multiplications an element that is transposed, and a lone convolution keeps its order.
_WORTH = 64
_MOVERS = ("ty.depth_to_space", "ty.space_to_depth")


def channels_last(program: Program, options: Options) -> None:
    """Makes convolutions and poolings NXC, unless `options.exact`."""
    if options.exact or not any(map(_is_ncx, program.operations())):
        return
    if not _Flow(program).windows:
        return
    _expand_movers(program)
    flow = _Flow(program)
    layouts = Layouts(flow.wanted)
    for operation in list(program.operations()):
        if operation.name.startswith("ty."):
            _visit(operation, layouts, flow)
    terminator = program.terminator
    with ir.InsertionPoint(terminator), terminator.location:
        _read_natural(terminator, layouts)
    erase_dead(program)


def _visit(operation: ir.Operation, layouts: Layouts, flow: _Flow) -> None:
    name = operation.name[3:]
    if operation.results[0] in flow.windows:
        rule = WINDOWS[name]
    elif any(v in layouts for v in operation.operands):
        # What is NXC already or stays NCX reads what it says.
        rule = READERS.get(name) or rule_of(name)
    elif name == "transpose" and operation.results[0] in flow.wanted:
        # It may be the one that a window needs.
        rule = rule_of(name)
    else:
        return
    with ir.InsertionPoint(operation), operation.location:
        result = rule(building.view(operation), layouts) if rule is not None else None
        if result is None:
            _read_natural(operation, layouts)
            return
    results = [result] if isinstance(result, Stored) else result
    for old, stored in zip(operation.results, results):
        layouts.keep(old, stored)


def _read_natural(operation: ir.Operation, layouts: Layouts) -> None:
    for i, value in enumerate(operation.operands):
        if value in layouts:
            operation.operands[i] = layouts.natural(value)


def _is_ncx(operation: ir.Operation) -> bool:
    if operation.name[3:] not in WINDOWS:
        return False
    return ir.StringAttr(operation.attributes["layout"]).value == "NCX"


def _expand_movers(program: Program) -> None:
    """depth_to_space and its inverse are reshapes and a transpose, which have rules."""
    for operation in list(program.operations()):
        if operation.name in _MOVERS:
            op = building.view(operation)
            with ir.InsertionPoint(operation), operation.location:
                operands, attributes = building.operands_of(op), building.attributes_of(op)
                replace(operation, [building.expand(type(op), operands, attributes)])


class _Flow:
    """What convolutions and poolings reach through ops that have no order of their own.

    `windows` are the first results of those that become NXC (the hash of an operation changes with
    its operands), `wanted` the values that they read in the end.
    """

    def __init__(self, program: Program) -> None:
        operations = [o for o in program.operations() if o.name.startswith("ty.")]
        found = [o for o in operations if _is_ncx(o)]
        windows = {o.results[0] for o in found}
        reached = self._reached(operations, windows)
        wanted = self._wanted(operations, windows)
        lone = [
            o.results[0] for o in found
            if not any(v in reached for v in o.operands)
            and not any(v in wanted for v in o.results)
            and not _is_worth_alone(o)
        ]  # fmt: skip
        self.windows = windows.difference(lone)
        self.wanted = self._wanted(operations, self.windows)

    def _reached(self, operations: list[ir.Operation], windows: set[ir.Value]) -> set[ir.Value]:
        reached: set[ir.Value] = set()
        for o in operations:
            passes = o.name in _MOVERS or rule_of(o.name[3:]) is not None
            if o.results[0] in windows or (passes and any(v in reached for v in o.operands)):
                reached.update(o.results)
        return reached

    def _wanted(self, operations: list[ir.Operation], windows: set[ir.Value]) -> set[ir.Value]:
        wanted: set[ir.Value] = set()
        for o in reversed(operations):
            passes = o.name in _MOVERS or rule_of(o.name[3:]) is not None
            if o.results[0] in windows or (passes and any(v in wanted for v in o.results)):
                wanted.update(o.operands)
        return wanted


def _is_worth_alone(operation: ir.Operation) -> bool:
    """Whether a convolution that meets no other one gains more than its transposes cost."""
    op: Any = building.view(operation)
    if op.NAME not in ("conv", "conv_transpose"):
        return False
    weight, x, y = (building.type_of(v) for v in (op.weight, op.x, op.y))
    if op.groups > 1 and op.groups == weight.shape[0]:
        return True
    pixels = math.prod((y if op.NAME == "conv" else x).shape) // (
        weight.shape[0] if op.NAME == "conv" else x.shape[1]
    )
    moved = sum(t.size for t in (x, y) if t.shape[1] > 1 and math.prod(t.shape[2:]) > 1)
    return weight.size * pixels >= _WORTH * moved
