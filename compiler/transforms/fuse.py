"""Groups ops into kernels.

    %0 = "ty.conv"(%x, %w)                      %0 = call @conv_add_relu(%x, %w, %b)
    %1 = "ty.add"(%0, %b)             becomes
    %2 = "ty.relu"(%1)                          func private @conv_add_relu { conv, add, relu }

A group stands where its last op stood. It takes in the group of a producer that nothing outside of
it reads, so that no value is computed twice and no cycle can arise. A value that is read in two
places of one group is read by that group alone (a diamond).

(R1) an elementwise group becomes the epilogue of a contraction, window or rows group whose result
     has its shape;
(R2) an elementwise, gather or movement group is pulled into its reader where that is elementwise or
     rows, or moves elements one by one: the prologue. A contraction takes one as operand of its
     epilogue, a convolution also where it reads its image, which it copies to scratch;
(R3) everything else is a kernel of its own; views are no kernels at all;
(R4) an elementwise group whose result main returns joins the one other group that reads it, if that
     is elementwise and of its shape: a kernel of two results, such as an optimizer's moments and
     the parameter that they move.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mlir import ir

from tyc.compiler.rewriting import users
from tyc.compiler.transforms.constants import is_known
from tyc.compiler.transforms.duplicate_cheap import duplicate_cheap
from tyc.compiler.transforms.kinds import kind
from tyc.compiler.transforms.outline import outline
from tyc.dialects import building
from tyc.dialects.ods import Op
from tyc.dialects.program import Program

_EPILOGUES = ("contraction", "window", "rows")
_PULLED = {"elementwise", "gather", "movement"}
_TAKES_PROLOGUE = {"elementwise", "rows", "contraction", "window", "gather", "movement"}
# From here on pixels are cut in tasks that each have all output channels.
_MANY = 128
_WEIGHT_BYTES = 1 << 20
_FEW_CHANNELS = 8
# Operations an element that may be done again where windows overlap.
_LIGHT = 1.5
# Not to be computed again where blocks of a convolution's operand overlap.
_DEAR = {"exp", "log", "tanh", "erf", "gelu", "silu", "sigmoid", "mish", "softplus", "power", "elu",
         "sin", "cos", "selu", "celu"}  # fmt: skip
# These read each element of their operand once at most.
_ONE_BY_ONE = {"concat", "transpose", "slice", "pad", "reverse"}
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
    if enabled:
        duplicate_cheap(program)
    groups = _group(program, enabled)
    outline(program, [(g.kind, g.operations) for g in groups])


def _group(program: Program, enabled: bool) -> list[Group]:
    return _Grouping(program, enabled).run()


class _Grouping:
    """Ops become groups in program order; each new group takes in those that only it reads."""

    def __init__(self, program: Program, enabled: bool) -> None:
        self.order = {op: i for i, op in enumerate(program.operations())}
        self.member: dict[ir.Operation, Group] = {}
        self.enabled = enabled

    def run(self) -> list[Group]:
        """The groups, in the order of their first ops."""
        for operation in self.order:
            what = kind(building.view(operation))
            if what in ("constant", "view"):
                continue
            group = Group(what, [operation])
            self.member[operation] = group
            if self.enabled and len(operation.results) == 1:
                while self._absorb(group):
                    pass
        return list(dict.fromkeys(self.member.values()))

    def _absorb(self, group: Group) -> bool:
        """Merges producers' groups into a group; True where it grew."""
        producers = self._producers(group)
        anchor = _anchor(group, producers)
        if anchor is not None:
            group.kind = anchor.kind
            self._merge(group, anchor)
        pulled = False
        for producer in producers:
            if producer is not anchor and _is_pullable(group, producer):
                self._merge(group, producer)
                pulled = True
        returned = self._returned(group)
        for producer in returned:
            self._merge(group, producer)
        return pulled or anchor is not None or bool(returned)

    def _producers(self, group: Group) -> list[Group]:
        """Other groups of one result that nothing but this group reads."""
        found: dict[Group, None] = {}
        inside = set(group.operations)
        for value in (v for o in reversed(group.operations) for v in o.operands):
            if isinstance(value.owner, ir.Block):
                continue
            other = self._maker(value)
            if other is None or other is group:
                continue
            if len(other.root.results) == 1 and inside.issuperset(users(value)):
                found[other] = None
        return list(found)

    def _returned(self, group: Group) -> list[Group]:
        """R4: groups whose results are only returned and read by this group."""
        if group.kind != "elementwise":
            return []
        shape = building.type_of(group.root.results[0]).shape
        operands = [v for o in reversed(group.operations) for v in o.operands]
        found: dict[Group, None] = {}
        for value in operands:
            other = None if isinstance(value.owner, ir.Block) else self._maker(value)
            if other is None or other is group or other.kind != "elementwise":
                continue
            readers = {o for o in users(value) if o.name != "func.return"}
            alike = building.type_of(value).shape == shape
            if alike and readers <= set(group.operations) and _fits([group, *found, other]):
                found[other] = None
        return list(found)

    def _maker(self, value: ir.Value) -> Group | None:
        """The group whose root makes a value."""
        group = self.member.get(value.owner.operation)
        return group if group is not None and group.root == value.owner.operation else None

    def _merge(self, into: Group, other: Group) -> None:
        into.operations = sorted([*into.operations, *other.operations], key=self.order.__getitem__)
        for operation in other.operations:
            self.member[operation] = into


def _fits(groups: list[Group]) -> bool:
    """Whether one kernel may compute all of these groups: it has registers for their operands."""
    values = {v for g in groups for o in g.operations for v in o.operands}
    if len(values) <= _MAX_OPERANDS * 2:
        return True
    made = {r for g in groups for o in g.operations for r in o.results}
    alike = all(g.kind == "elementwise" for g in groups)
    return alike and sum(not is_known(v) for v in values - made) <= _MAX_OPERANDS


def _readers(group: Group, producer: Group) -> list[Op]:
    """The ops of a group that read another group's result."""
    return [building.view(o) for o in users(producer.root.results[0]) if o in group.operations]


def _anchor(group: Group, producers: list[Group]) -> Group | None:
    """R1: the group whose epilogue this one becomes, the one with the most work first."""
    if group.kind != "elementwise":
        return None
    shape = building.type_of(group.root.results[0]).shape
    for wanted in _EPILOGUES:
        for producer in producers:
            values = [producer.root.results[0]]
            values += [r.operation.results[0] for r in _readers(group, producer)]
            if producer.kind == wanted and all(building.type_of(v).shape == shape for v in values):
                return producer
    return None


def _is_pullable(group: Group, producer: Group) -> bool:
    """R2: whether `producer` may be computed inside of `group`, where it is read."""
    if producer.kind not in _PULLED or group.kind not in _TAKES_PROLOGUE:
        return False
    if not _fits([group, producer]):
        return False
    return all(_may_read(reader, producer) for reader in _readers(group, producer))


def _may_read(reader: Op, producer: Group) -> bool:
    """Whether an op may compute what it reads: then no element is computed again and again."""
    produced = building.type_of(producer.root.results[0])
    what = kind(reader)
    if what == "elementwise":
        consumed = building.type_of(reader.operation.results[0])
        return produced.shape == consumed.shape or produced.size == 1
    if what == "movement":
        return reader.NAME in _ONE_BY_ONE
    if what == "contraction":
        return _is_copied_anyway(reader, producer)
    return what == "rows" and not _turns(producer)


def _turns(group: Group) -> bool:
    """True for a relayout: rows read it several times, and not along memory."""
    return any(o.name == "ty.transpose" for o in group.operations)


def takes_transposed(conv: Any) -> bool:
    """Whether a convolution with channels last may read its image with channels second."""
    return conv.groups == 1 and building.type_of(conv.weight).shape[1] < _FEW_CHANNELS


def _is_copied_anyway(reader: Any, producer: Group) -> bool:
    """Whether a convolution may compute its operand while it copies it to scratch."""
    if reader.NAME != "conv" or reader.groups > 1 or reader.x != producer.root.results[0]:
        return False
    names = {o.name[3:] for o in producer.operations}
    if "transpose" in names:
        # Rows of few channels are no vectors: then the image is read as it was.
        return names == {"transpose"} and takes_transposed(reader)
    if names & _DEAR:
        return False
    kernel = building.type_of(reader.weight).shape[2:]
    overlaps = any(k > s for k, s in zip(kernel, reader.strides))
    if overlaps and _work(producer) > _LIGHT:
        return False
    # Columns are cut where there are few pixels or more weights than stay in a cache: then each
    # block of columns would copy the pixels again.
    if not overlaps and building.type_of(reader.weight).nbytes > _WEIGHT_BYTES:
        return False
    return building.type_of(reader.y).size // building.type_of(reader.weight).shape[0] >= _MANY


def _work(group: Group) -> float:
    """The operations for each element of a group's result."""
    done = [o.results[0] for o in group.operations if o.name[3:] not in _ONE_BY_ONE]
    size = building.type_of(group.root.results[0]).size
    return sum(building.type_of(v).size for v in done) / max(size, 1)
