"""Keeps the convolutional parts of a program with channels last.

    %0 = "ty.conv"(%x, %w)                     %t = "ty.transpose"(%x) {perm = [0, 2, 3, 1]}
    %1 = "ty.relu"(%0)                         %0 = "ty.conv"(%t, %w) {layout = "NXC"}
    %2 = "ty.conv"(%1, %v)          becomes    %1 = "ty.relu"(%0)
    %3 = "ty.reduce_mean"(%2)                  %2 = "ty.conv"(%1, %v) {layout = "NXC"}
         {axes = [2, 3]}                       %3 = "ty.reduce_mean"(%2) {axes = [1, 2]}

Which ops turn is one choice for the whole program: that of the least time, of the ops in either
layout (`layout_costs.py`) and of the transposes between them (`layout_graph.py`,
`planning/layout.py`). What turns does so by its rule (`layout_rules.py`); everything else reads the
natural order. Inputs and outputs keep theirs. Weights stay `[O, C, ...]`: they are packed when the
artifact is written.

Not for exact mode: sums over channels and pixels run in another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlir import ir

from tyc.compiler.options import Options
from tyc.compiler.rewriting import erase_dead, replace, users
from tyc.compiler.targets import Target, host
from tyc.compiler.transforms.layout_graph import LayoutGraph, rule_for
from tyc.compiler.transforms.layout_rules import WINDOWS, Turn, matmul_by_flags
from tyc.compiler.transforms.layouts import Layouts, Stored, natural_order
from tyc.dialects import building
from tyc.dialects.program import Program

_MOVERS = ("ty.depth_to_space", "ty.space_to_depth")


def channels_last(program: Program, options: Options, target: Target | None = None) -> bool:
    """Makes convolutions and poolings NXC where `target` (default: this machine) gains by it.

    Does nothing in `options.exact`. True where something changed.
    """
    if options.exact or not any(map(_is_ncx, program.operations())):
        return False
    moved = _expand_movers(program)
    graph = LayoutGraph(program, target or host())
    chosen = graph.choose()
    if not chosen:
        return moved
    layouts = Layouts()
    for operation in graph.operations:
        _visit(operation, layouts, graph.turns, chosen)
    with ir.InsertionPoint(program.terminator), program.terminator.location:
        _read_natural(program.terminator, layouts)
    erase_dead(program)
    return True


def _visit(
    operation: ir.Operation,
    layouts: Layouts,
    turns: dict[ir.Value, Turn],
    chosen: set[ir.Value],
) -> None:
    result = operation.results[0]
    with ir.InsertionPoint(operation), operation.location:
        if result in chosen:
            _apply(operation, layouts, turns[result])
        elif operation.name == "ty.transpose" and (
            operation.operands[0] in layouts or _feeds(result, chosen)
        ):
            layouts.keep(result, _transposed(operation, layouts))
        elif operation.name == "ty.matmul" and any(v in layouts for v in operation.operands):
            y = matmul_by_flags(building.view(operation), layouts)
            layouts.keep(result, Stored(y, natural_order(building.type_of(y).rank)))
        else:
            _read_natural(operation, layouts)


def _apply(operation: ir.Operation, layouts: Layouts, turn: Turn) -> None:
    """Builds an op anew in its other order."""
    op = building.view(operation)
    values = iter([layouts.in_order(v, o) for v, o in zip(operation.operands, turn.operands)])
    fields = [
        [next(values) for _ in o] if isinstance(o, list) else None if o is None else next(values)
        for o in building.operands_of(op)
    ]
    rule = rule_for(op.NAME)
    assert rule is not None, op.NAME
    built: Any = rule.build(op, fields, turn)
    results: Sequence[Any] = built if isinstance(built, (list, tuple)) else [built]
    for old, new, order in zip(operation.results, results, turn.results, strict=True):
        layouts.keep(old, Stored(new, order))


def _transposed(operation: ir.Operation, layouts: Layouts) -> Stored:
    """Moves nothing: the same value is kept in an order of other names."""
    x = layouts.get(operation.operands[0])
    op: Any = building.view(operation)
    perm = list(op.perm)
    return Stored(x.value, tuple(perm.index(d) for d in x.order))


def _feeds(value: ir.Value, chosen: set[ir.Value]) -> bool:
    """Whether an op that turns reads a value, or a transpose of it."""
    return any(
        len(o.results)
        and (o.results[0] in chosen or (o.name == "ty.transpose" and _feeds(o.results[0], chosen)))
        for o in users(value)
    )


def _read_natural(operation: ir.Operation, layouts: Layouts) -> None:
    for i, value in enumerate(operation.operands):
        if value in layouts:
            operation.operands[i] = layouts.natural(value)


def _is_ncx(operation: ir.Operation) -> bool:
    if operation.name[3:] not in WINDOWS:
        return False
    return ir.StringAttr(operation.attributes["layout"]).value == "NCX"


def _expand_movers(program: Program) -> bool:
    """depth_to_space and its inverse are reshapes and a transpose, which have rules."""
    movers = [o for o in program.operations() if o.name in _MOVERS]
    for operation in movers:
        op = building.view(operation)
        with ir.InsertionPoint(operation), operation.location:
            operands, attributes = building.operands_of(op), building.attributes_of(op)
            replace(operation, [building.expand(type(op), operands, attributes)])
    return bool(movers)
