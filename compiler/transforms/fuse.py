"""Groups ops into kernels.

    %0 = "ty.conv"(%x, %w)                      %0 = call @conv_add_relu(%x, %w, %b)
    %1 = "ty.add"(%0, %b)             becomes
    %2 = "ty.relu"(%1)                          func private @conv_add_relu { conv, add, relu }

An op joins the group of one of its producers where that value has no other use, so that no value is
computed twice and no cycle can arise: a group stands where its last op stood.

(R1) an elementwise op joins a contraction, window, rows or elementwise group whose result has its
     shape: the epilogue.
(R2) an elementwise or gather group is pulled into the group of its only consumer where that is
     elementwise or rows: the prologue. A contraction takes one only as operand of its epilogue.
(R3) everything else is a kernel of its own; views are no kernels at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mlir import ir

from tyc.compiler.rewriting import users
from tyc.compiler.transforms.kinds import kind
from tyc.compiler.transforms.outline import outline
from tyc.dialects import building
from tyc.dialects.ods import Op
from tyc.dialects.program import Program

_TAKES_EPILOGUE = {"contraction", "window", "rows", "elementwise", "gather"}
_PULLED = {"elementwise", "gather"}
# A contraction's epilogue holds this many operands beside the accumulator before registers spill.
_MAX_OPERANDS = 8


@dataclass(eq=False)
class Group:
    """Ops that become one kernel, in program order; the last one gives the result."""

    kind: str
    operations: list[ir.Operation] = field(default_factory=list)

    @property
    def root(self) -> ir.Operation:
        """The operation whose result leaves the group."""
        return self.operations[-1]


def fuse(program: Program, enabled: bool = True) -> None:
    """Outlines every op of main into kernels; with `enabled` false each op is one of its own."""
    groups = _group(program, enabled)
    outline(program, [(g.kind, g.operations) for g in groups])


def _group(program: Program, enabled: bool) -> list[Group]:
    order = {op: i for i, op in enumerate(program.operations())}
    member: dict[ir.Operation, Group] = {}
    for operation in order:
        op = building.view(operation)
        what = kind(op)
        if what in ("constant", "view"):
            continue
        group = Group(what, [operation])
        member[operation] = group
        if enabled and len(operation.results) == 1:
            _absorb(op, group, member, order)
    return list(dict.fromkeys(member.values()))


def _absorb(
    op: Op,
    group: Group,
    member: dict[ir.Operation, Group],
    order: dict[ir.Operation, int],
) -> None:
    """Merges producers' groups into the new group of `op`."""
    producers = _single_use_producers(op, member)
    anchor = _anchor(op, group, producers)
    if anchor is not None:
        group.kind = anchor.kind
        _merge(group, anchor, member, order)
    for producer in producers:
        if producer is anchor or producer.kind not in _PULLED:
            continue
        takes = group.kind in ("elementwise", "rows", "contraction", "window", "gather")
        if takes and _is_pullable(op, group, producer):
            _merge(group, producer, member, order)


def _anchor(op: Op, group: Group, producers: list[Group]) -> Group | None:
    """R1: the group whose epilogue `op` becomes, the one with the most work first."""
    if group.kind != "elementwise":
        return None
    result = building.type_of(op.operation.results[0])
    for wanted in ("contraction", "window", "rows"):
        for producer in producers:
            root = building.type_of(producer.root.results[0])
            if producer.kind == wanted and root.shape == result.shape:
                return producer
    return None


def _is_pullable(op: Op, group: Group, producer: Group) -> bool:
    """R2: whether `producer` may be computed inside of `group`, at its consumer `op`."""
    operands = {v for o in (*group.operations, *producer.operations) for v in o.operands}
    if len(operands) > _MAX_OPERANDS * 2:
        return False
    if kind(op) in ("contraction", "window", "gather"):
        return False
    produced = building.type_of(producer.root.results[0])
    consumed = building.type_of(op.operation.results[0])
    # A value that is broadcast would be computed again for each element that reads it.
    if kind(op) == "elementwise":
        return produced.shape == consumed.shape or produced.size == 1
    return True


def _single_use_producers(op: Op, member: dict[ir.Operation, Group]) -> list[Group]:
    found: dict[Group, None] = {}
    for value in op.operation.operands:
        if isinstance(value.owner, ir.Block):
            continue
        group = member.get(value.owner.operation)
        if group is None or group.kind not in _TAKES_EPILOGUE or len(group.root.results) != 1:
            continue
        owners = set(users(value))
        if group.root == value.owner.operation and owners == {op.operation}:
            found[group] = None
    return list(found)


def _merge(
    into: Group,
    other: Group,
    member: dict[ir.Operation, Group],
    order: dict[ir.Operation, int],
) -> None:
    into.operations = sorted([*into.operations, *other.operations], key=order.__getitem__)
    for operation in other.operations:
        member[operation] = into
