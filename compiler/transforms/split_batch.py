"""Computes the largest values of a training step in slices of the batch, one after the other.

    %a = call @conv(%x)                     %x0 = ty.slice %x rows 0..1
    %g = call @weight_gradient(%a, %d)      %a0 = call @conv_rows(%x0)
                                  becomes   %g0 = call @weight_gradient_rows(%a0, %d0)
                                            ...
                                            %a1 = call @conv_rows(%x1)
                                            %g1 = call @weight_gradient_rows_add(%a1, %d1, %g0)

What lies between two kernels is then a value a slice: they are dropped, computed again and written
over one by one, and what lives only from one kernel to the next is never whole. Kernels run slice
by slice as far as each reads only its own; a sum over the batch waits for the last. Slices and
concatenations are views. Sums over the batch are made in another order, so not in exact mode.

Only images in programs that sum over the batch (training steps), and only what is large beside the
workspace: kernels of small slices would be slow, and many kernels slow to plan.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from mlir import ir
from mlir.dialects import func

from tyc.compiler.options import Options
from tyc.compiler.rewriting import producer, users
from tyc.compiler.transforms.place_parts import callee, erase_uncalled, functions_of, live_peak
from tyc.compiler.transforms.strip_rows import Rows, Strip, cut_rows
from tyc.dialects import building, ty
from tyc.dialects.program import Program

_MOST = 8
"""Slices, at most: what is planned grows with their number."""

_LARGE = 24
"""The share of the workspace from which a value is large, as 1 / n."""

_LEAST_BYTES = 1 << 20
"""Bytes of a slice, at least: a call of a kernel takes no time beside them."""


def split_batch(program: Program, options: Options) -> None:
    """Cuts the kernels of a fused program that read or write its largest values."""
    if options.exact:
        return
    found = _Selection(program)
    if any(cut.summed for cut in found.cuts.values()):
        _Rewriting(program, found).run()


@dataclass
class _Cut:
    """A kernel that can be cut: which of its arguments are, and whether it sums over the batch."""

    rows: list[bool]
    summed: bool


class _Selection:
    """Which calls are cut, and in how many slices."""

    def __init__(self, program: Program) -> None:
        self.functions = functions_of(program)
        self.calls = [o for o in program.operations() if o.name == "func.call"]
        self.results = {viewed(v) for v in program.terminator.operands}
        least = max(live_peak(program) // _LARGE, _LEAST_BYTES)
        large = [
            value
            for call in self.calls
            for value in call.results
            if _is_image(value, least) and value not in self.results
        ]
        self.count = _slices(program, large)
        self.large = {v for v in large if self.is_even(v)}
        # By the first result: an operation's hash changes with its operands.
        self.cuts: dict[ir.Value, _Cut] = {}
        self._known: dict[str, _Cut | None] = {}
        if self.count > 1:
            self._select()

    def cut(self, operation: ir.Operation) -> _Cut | None:
        """How a call is cut, or `None`."""
        return self.cuts.get(operation.results[0]) if len(operation.results) else None

    def is_even(self, value: ir.Value) -> bool:
        """Whether a value is cut into slices of whole leading rows, all alike."""
        t = building.type_of(value)
        return t.rank > 0 and t.shape[0] > 1 and t.shape[0] % self.count == 0

    def slice_rows(self, value: ir.Value, number: int) -> Rows:
        """The rows of a slice of a value."""
        size = building.type_of(value).shape[0] // self.count
        return Rows(0, number * size, (number + 1) * size)

    def is_cut(self, value: ir.Value) -> bool:
        """Whether kernels that are cut make and read a value, so that it never is whole."""
        made = viewed(value)
        cut = self.cuts.get(made) if made in self.large else None
        return cut is not None and not cut.summed and self._reads_are_cut(made)

    def _reads_are_cut(self, value: ir.Value) -> bool:
        for use in value.uses:
            reader = use.owner.operation
            if reader.name == "ty.reshape":
                view = reader.results[0]
                if not self.is_even(view) or not self._reads_are_cut(view):
                    return False
                continue
            cut = self.cut(reader)
            if cut is None or not cut.rows[use.operand_number]:
                return False
        return True

    def _select(self) -> None:
        for call in self.calls:
            cut = self._found(call) if self._touches(call) else None
            if cut is not None:
                self.cuts[call.results[0]] = cut
        # A kernel is cut for the sake of values that need not be whole.
        while idle := [v for v in self.cuts if not any(map(self.is_cut, self._ends(v)))]:
            for value in idle:
                del self.cuts[value]

    def _ends(self, result: ir.Value) -> list[ir.Value]:
        operands = zip(result.owner.operation.operands, self.cuts[result].rows)
        return [result, *(v for v, cut in operands if cut)]

    def _touches(self, call: ir.Operation) -> bool:
        return any(viewed(v) in self.large for v in (*call.operands, *call.results))

    def _found(self, call: ir.Operation) -> _Cut | None:
        """How a call's kernel is cut, or `None`: each slice needs the same slice of what it reads,
        or all of it."""
        name = callee(call)
        if name not in self._known:
            self._known[name] = self._analysed(self.functions[name])
        cut = self._known[name]
        if cut is None or (not cut.summed and call.results[0] in self.results):
            return None
        fixed = [producer(viewed(v)) is not None for v, r in zip(call.operands, cut.rows) if r]
        return None if any(fixed) else cut

    def _analysed(self, function: ir.Operation) -> _Cut | None:
        block = function.regions[0].blocks[0]
        result = block.operations[len(block.operations) - 1].operation.operands[0]
        arguments = list(block.arguments)
        kinds = [False] if self.is_even(result) else []
        for summed in (*kinds, True):
            at = [v for v in arguments if self.is_even(v)] if summed else [result]
            if not at:
                continue
            strip = Strip(function, self.slice_rows(at[0], 1), summed)
            if strip.arguments is None:
                continue
            fits = [
                rows is None or (self.is_even(v) and rows == self.slice_rows(v, 1))
                for v, rows in zip(arguments, strip.arguments)
            ]
            if all(fits) and any(strip.arguments):
                return _Cut([rows is not None for rows in strip.arguments], summed)
        return None


def _is_image(value: ir.Value, least: int) -> bool:
    """Whether a value has pixels and as many bytes. Rows of matrices are for `strip_sums.py`."""
    t = building.type_of(value)
    return t.rank > 3 and t.nbytes >= least


def _slices(program: Program, large: Sequence[ir.Value]) -> int:
    """The number of slices: the most that cut evenly the batch, which is the leading dimension of
    an input that large values of the most bytes have."""
    total = dict.fromkeys((t.shape[0] for _, t in program.inputs if t.rank), 0)
    kinds = [t for t in map(building.type_of, large) if t.rank and t.shape[0] in total]
    for t in kinds:
        total[t.shape[0]] += t.nbytes
    batch = max(total, key=total.__getitem__, default=1)
    most = min(_MOST, min((t.nbytes for t in kinds), default=0) // _LEAST_BYTES)
    return max((n for n in range(1, most + 1) if batch % n == 0), default=1)


def viewed(value: ir.Value) -> ir.Value:
    """The value that a chain of reshapes shows."""
    while (op := producer(value)) is not None and op.NAME == "reshape":
        value = op.x
    return value


@dataclass
class _Rewriting:
    """Emits main's calls again, those that are cut slice by slice.

    Calls wait in `pending` (cut) and `deferred` (whole, but reading what waits), until a slice
    needs all of something that waits.
    """

    program: Program
    selection: _Selection
    pending: list[ir.Operation] = field(default_factory=list)
    deferred: list[ir.Operation] = field(default_factory=list)
    slices: dict[ir.Value, list[ir.Value]] = field(default_factory=dict)
    cuts: dict[tuple[ir.Value, int], ir.Value] = field(default_factory=dict)
    kernels: dict[tuple[str, int, bool], ir.Operation] = field(default_factory=dict)

    def run(self) -> None:
        """Rewrites main."""
        operations = list(self.program.operations())
        for operation in operations:
            self._place(operation)
        self._flush(self.program.terminator)
        for operation in reversed(operations):
            unread = operation.name == "ty.reshape" and not users(operation.results[0])
            if unread or self.selection.cut(operation) is not None:
                operation.erase()
        erase_uncalled(self.program)

    def _place(self, operation: ir.Operation) -> None:
        """Lets an operation wait where it must, or leaves it where it is."""
        cut = self.selection.cut(operation)
        if cut is None:
            if any(self._is_waiting(_owner(v)) for v in operation.operands):
                self.deferred.append(operation)
            return
        if any(self._waits(v, rows) for v, rows in zip(operation.operands, cut.rows)):
            self._flush(operation)
        self.pending.append(operation)

    def _waits(self, value: ir.Value, rows: bool) -> bool:
        """Whether a slice cannot be computed before what waits now is emitted."""
        made = _owner(viewed(value))
        if not self._is_waiting(made):
            return False
        cut = self.selection.cut(made)
        return not rows or cut is None or cut.summed

    def _is_waiting(self, operation: ir.Operation | None) -> bool:
        found = (*self.pending, *self.deferred)
        return operation is not None and operation in found

    def _flush(self, before: ir.Operation) -> None:
        """Emits what waits before an operation."""
        totals: dict[ir.Value, ir.Value] = {}
        for number in range(self.selection.count):
            for call in self.pending:
                value = call.results[0]
                with ir.InsertionPoint(before), call.location:
                    made = self._call(call, number, totals.get(value))
                if self.selection.cuts[value].summed:
                    totals[value] = made
                else:
                    self.slices.setdefault(value, []).append(made)
        for call in self.pending:
            value = call.results[0]
            if value in totals:
                value.replace_all_uses_with(totals[value])
            elif self._is_wanted_whole(value):
                with ir.InsertionPoint(before), call.location:
                    whole = ty.concat(self.slices[value], axis=0)
                self.slices[whole] = self.slices[value]
                value.replace_all_uses_with(whole)
        for operation in self.deferred:
            operation.move_before(before)
        self.pending, self.deferred = [], []

    def _is_wanted_whole(self, value: ir.Value) -> bool:
        for use in value.uses:
            reader = use.owner.operation
            if reader.name == "ty.reshape":
                if self._is_wanted_whole(reader.results[0]):
                    return True
                continue
            cut = self.selection.cut(reader)
            if cut is None or not cut.rows[use.operand_number]:
                return True
        return False

    def _call(self, call: ir.Operation, number: int, total: ir.Value | None) -> ir.Value:
        """The call for one slice; `total` is the sum over those before."""
        cut = self.selection.cuts[call.results[0]]
        operands = [
            self._slice(v, number) if rows else v for v, rows in zip(call.operands, cut.rows)
        ]
        operands += [] if total is None else [total]
        function = self._kernel(call, number, total is not None)
        name = ir.StringAttr(function.attributes["sym_name"]).value
        results = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value).results
        made = func.CallOp(results, ir.FlatSymbolRefAttr.get(name), operands)
        return made.operation.results[0]

    def _slice(self, value: ir.Value, number: int) -> ir.Value:
        """A slice of a value: what a call made, or a view of the whole."""
        if value in self.slices:
            return self.slices[value][number]
        op = producer(value)
        if op is not None and op.NAME == "reshape" and viewed(value) in self.slices:
            rows = self.selection.slice_rows(value, number)
            shape = building.type_of(value).shape
            inner = self._slice(op.x, number)
            return ty.reshape(inner, shape=[rows.stop - rows.start, *shape[1:]])
        key = value, number
        if key not in self.cuts:
            self.cuts[key] = cut_rows(value, self.selection.slice_rows(value, number))
        return self.cuts[key]

    def _kernel(self, call: ir.Operation, number: int, adds: bool) -> ir.Operation:
        """The kernel of a slice, which is made where there is none."""
        base, selection = callee(call), self.selection
        key = base, number, adds
        if key in self.kernels:
            return self.kernels[key]
        functions, cut = selection.functions, selection.cuts[call.results[0]]
        like = call.operands[cut.rows.index(True)] if cut.summed else call.results[0]
        strip = Strip(functions[base], selection.slice_rows(like, number), cut.summed)
        made = strip.emit(self.program.module, "kernel", adds)
        digest = hashlib.sha256(str(made).encode()).hexdigest()[:10]
        name = f"{base.rpartition('_')[0]}_rows_{'add_' if adds else ''}{digest}"
        if name in functions:  # the same text, as the name says
            made.erase()
        else:
            made.attributes["sym_name"] = ir.StringAttr.get(name)
            functions[name] = made
        self.kernels[key] = functions[name]
        return functions[name]


def _owner(value: ir.Value) -> ir.Operation | None:
    return None if isinstance(value.owner, ir.Block) else value.owner.operation
