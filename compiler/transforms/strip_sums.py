"""Computes a tensor that is too large for a budget, and all that reads it, some rows at a time.

    %a = call @scores(%x, %w)                 %a0 = call @scores_rows(%x0, %w)
    %l = call @losses(%a, %t)                 %l0 = call @losses_rows(%a0, %t0)
    %d = call @gradient(%a, %t)     becomes   %d0 = call @gradient_rows(%a0, %t0)
    %g = call @product(%d, %x)                %g0 = call @product_rows(%d0, %x0)
                                              %a1 = call @scores_rows(%x1, %w)         ...
                                              %g1 = call @product_onto(%d1, %x1, %g0)
                                              %l = ty.concat %l0, %l1

Nothing is computed twice. A reader either gives rows for rows, or a sum over the rows (`d^T x`, the
sum of `d`): that goes on from the sum of the rows before, in place, in the order in which one
kernel adds, so that the bits are the same. `%x0` is `ty.slice %x`: rows are one piece of memory.
The scores of a language model's words are such a tensor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlir import ir
from mlir.dialects import func

from tyc.compiler.kernels import CompiledKernel
from tyc.compiler.rewriting import producer
from tyc.compiler.schedules.kernel import WITHIN, constant_arguments
from tyc.compiler.transforms.pack_filters import is_packed
from tyc.compiler.transforms.place_parts import callee, erase_uncalled, functions_of
from tyc.compiler.transforms.strip import add_function, call_strip
from tyc.compiler.transforms.strip_rows import Rows, Strip, cut_rows, leading_axis
from tyc.dialects import building
from tyc.dialects.program import Program
from tyc.dialects.types import TensorType, accumulator

_LARGE, _FEWEST_ROWS, _MOST, _SHARE, _PAYS = 8, 16, 32, 6, 0.9
"""Of the largest tensor, what is as large as this part of it is cut as well; rows of a strip; the
most strips; the part of a budget that a strip may have; what of the largest tensor's bytes its
narrowest strip and the kept sums may take."""


@dataclass(frozen=True)
class Region:
    """Calls, in order, that are computed strip by strip; where `sums` says so they add up the rows
    of what they read. The largest tensor in there has `rows` rows and `nbytes` bytes; `added` bytes
    are sums that one kernel would use up at once."""

    calls: Sequence[ir.Operation]
    sums: Sequence[bool]
    rows: int
    nbytes: int
    added: int

    def strips(self, free: int, budget: int) -> tuple[int, ...]:
        """In how many strips: as few as leave room for what lives beside them, then as many as pay
        at all. None where they do not. `free` is what the program needs without a budget."""
        left, most = budget - self.added, min(self.rows // _FEWEST_ROWS, _MOST)
        if most < 2 or self.added + self.nbytes // most > _PAYS * self.nbytes:
            return ()
        room = max(left - (free - self.nbytes), left // _SHARE, 1)
        least = -(-self.nbytes // room)
        if least < 2:
            return ()
        return tuple(sorted({self._even(least, most), self._even(most, most)}))

    def _even(self, least: int, most: int) -> int:
        """As many strips, or some more if they are alike then."""
        even = (n for n in range(least, min(2 * least, most) + 1) if self.rows % n == 0)
        return next(even, min(least, most))


def find_region(program: Program, kernels: Mapping[str, CompiledKernel]) -> Region | None:
    """What a fused program may compute in strips around its largest tensor, if it can be."""
    results = set(program.terminator.operands)
    calls = [o for o in program.operations() if o.name == "func.call" and len(o.results) == 1]
    made = [c for c in calls if c.results[0] not in results]
    largest = max(made, key=lambda c: _type(c.results[0]).nbytes, default=None)
    return None if largest is None else _Growing(program, kernels, largest).region()


def cut_region(program: Program, region: Region, count: int) -> None:
    """Rewrites main, which then computes the region in `count` strips; new kernels have no code."""
    with program.module.context, ir.Location.unknown():
        _Cutting(program, region, count).run()


def _type(value: ir.Value) -> TensorType:
    return building.type_of(value)


def _size(value: ir.Value) -> int:
    """The number of rows of a tensor: of its first dimension of more than one element."""
    shape = _type(value).shape
    return shape[leading_axis(shape)] if shape else 1


def _sum(function: ir.Operation) -> Any:
    """The op of a kernel that adds up rows and alone reads what has them, or `None`; what follows
    it in there is done once."""
    operations = [o.operation for o in function.regions[0].blocks[0].operations]
    found = [op for o in operations[:-1] if _adds_rows(op := building.view(o))]
    if len(found) != 1:
        return None
    read = set(found[0].operation.operands)
    fixed = constant_arguments(function)
    arguments = {a for i, a in enumerate(function.regions[0].blocks[0].arguments) if i not in fixed}
    alone = all(sum(1 for _ in v.uses) == 1 for v in read)
    return found[0] if alone and read <= arguments else None


def _adds_rows(op: Any) -> bool:
    dtype = _type(op.operation.results[0]).dtype
    # What is rounded between the strips would be other bits.
    if not dtype.is_float or accumulator(dtype) != dtype:
        return False
    if op.NAME == "matmul":
        ranks = {_type(v).rank for v in (op.a, op.b)}
        return op.transpose_a and not op.transpose_b and ranks == {2} and op.a != op.b
    if op.NAME == "reduce_sum":
        return not op.keepdims and _type(op.x).rank > 1 and list(op.axes) == [0]
    return False


def _read_by(op: Any, function: ir.Operation) -> list[int]:
    """The numbers of the arguments that an op of a kernel reads."""
    arguments = list(function.regions[0].blocks[0].arguments)
    return [arguments.index(v) for v in op.operation.operands]


class _Growing:
    """The calls that have to be in the region of a call's result, one reader after another."""

    def __init__(
        self, program: Program, kernels: Mapping[str, CompiledKernel], first: ir.Operation
    ) -> None:
        self.program, self.kernels, self.first = program, kernels, first
        self.functions = functions_of(program)
        self.results = set(program.terminator.operands)
        self.rows = _size(first.results[0])
        self.nbytes = _type(first.results[0]).nbytes
        self.sums: dict[ir.Operation, bool] = {}

    def region(self) -> Region | None:
        """The region, or `None` where something reads a large tensor in another way."""
        pending = [self.first]
        while pending:
            call = pending.pop()
            is_sum = self._is_sum(call)
            if is_sum is None:
                return None
            self.sums[call] = is_sum
            value = call.results[0]
            if is_sum or _type(value).nbytes * _LARGE < self.nbytes:
                continue
            readers = [use.owner.operation for use in value.uses]
            if value in self.results or any(r.name != "func.call" for r in readers):
                return None
            pending += [r for r in dict.fromkeys(readers) if r not in self.sums]
        calls = [o for o in self.program.operations() if o in self.sums]
        if len(calls) < 2 or not all(map(self._is_fed, calls)) or self._leaves(calls):
            return None
        added = sum(self._added(c) for c in calls if self.sums[c])
        return Region(calls, [self.sums[c] for c in calls], self.rows, self.nbytes, added)

    def _added(self, call: ir.Operation) -> int:
        """The bytes of a sum that its kernel does not return."""
        function = self.functions[callee(call)]
        value = _sum(function).operation.results[0]
        returned = function.regions[0].blocks[0].operations[-1].operands[0]
        return 0 if value == returned else _type(value).nbytes

    def _is_sum(self, call: ir.Operation) -> bool | None:
        """True for a sum over rows, false for rows of rows, `None` for another kernel."""
        function = self.functions[callee(call)]
        if len(call.results) != 1 or WITHIN in function.attributes or is_packed(call, function):
            return None
        products = any(o.operation.name == "ty.matmul" for o in function.regions[0].blocks[0])
        # Of the families that take a product one adds in the order of the depth.
        if products and self.kernels[callee(call)].schedule != "contraction":
            return None
        if _size(call.results[0]) == self.rows and self._strip(call).arguments is not None:
            return False
        return True if _sum(function) is not None else None

    def _strip(self, call: ir.Operation) -> Strip:
        """The kernel of a call for one row in the middle."""
        axis = leading_axis(_type(call.results[0]).shape)
        middle = self.rows // 2
        return Strip(self.functions[callee(call)], Rows(axis, middle, middle + 1))

    def _is_fed(self, call: ir.Operation) -> bool:
        """Whether a call of the region needs the same rows of what it reads, and no whole sum."""
        function, middle = self.functions[callee(call)], self.rows // 2
        wanted = self._strip(call).arguments
        if self.sums[call]:
            read = _read_by(_sum(function), function)
            if any(_type(call.operands[i]).shape[0] != self.rows for i in read):
                return False
            one = Rows(0, middle, middle + 1)
            wanted = [one if i in read else None for i in range(len(call.operands))]
        assert wanted is not None
        for value, rows in zip(call.operands, wanted):
            source = None if isinstance(value.owner, ir.Block) else value.owner.operation
            if source in self.sums:
                same = rows is not None and (rows.start, rows.stop) == (middle, middle + 1)
                if self.sums[source] or not same:
                    return False
            maker = producer(value)
            if rows is not None and maker is not None and maker.NAME in ("parameter", "constant"):
                return False
        return True

    def _leaves(self, calls: Sequence[ir.Operation]) -> bool:
        """True where a call of the region reads what comes from the region by way of others."""
        found = followers(self.program, calls)
        return any(
            not isinstance(v.owner, ir.Block) and v.owner.operation in found
            for call in calls
            for v in call.operands
        )


def followers(program: Program, calls: Sequence[ir.Operation]) -> list[ir.Operation]:
    """The other operations that need results of some calls, in order."""
    inside, found = set(calls), dict[ir.Operation, None]()
    for operation in program.operations():
        owners = [v.owner for v in operation.operands if not isinstance(v.owner, ir.Block)]
        needs = any(o.operation in inside or o.operation in found for o in owners)
        if needs and operation not in inside:
            found[operation] = None
    return list(found)


class _Cutting:
    """The strips of a region, written before its last call."""

    def __init__(self, program: Program, region: Region, count: int) -> None:
        self.program, self.region = program, region
        self.functions = functions_of(program)
        self.size = math.ceil(region.rows / count)
        self.last = region.calls[-1]

    def run(self) -> None:
        """Writes the strips and erases the calls."""
        region = self.region
        order = list(self.program.operations())
        late = followers(self.program, region.calls)
        early = set(order[: order.index(self.last)])
        at = self.last
        for operation in (o for o in late if o in early):
            operation.move_after(at)
            at = operation
        pieces: list[list[ir.Value]] = [[] for _ in region.calls]
        for start in range(0, region.rows, self.size):
            self._one(start, min(start + self.size, region.rows), pieces)
        for call, is_sum, parts in zip(region.calls, region.sums, pieces):
            self._join(call, is_sum, parts)
        for call in reversed(region.calls):
            call.erase()
        erase_uncalled(self.program)

    def _one(self, start: int, stop: int, pieces: list[list[ir.Value]]) -> None:
        """The calls for some rows."""
        made: dict[ir.Value, ir.Value] = {}
        for call, is_sum, parts in zip(self.region.calls, self.region.sums, pieces):
            with ir.InsertionPoint(self.last), call.location:
                if is_sum:
                    parts[:] = [self._added(call, start, stop, made, parts)]
                    continue
                result = call.results[0]
                axis = leading_axis(_type(result).shape)
                strip = Strip(self.functions[callee(call)], Rows(axis, start, stop))
                made[result] = call_strip(self.program, call, strip, made, self.functions)
                parts.append(made[result])

    def _added(
        self, call: ir.Operation, start: int, stop: int, made: Mapping[ir.Value, ir.Value],
        before: Sequence[ir.Value],
    ) -> ir.Value:  # fmt: skip
        """The sum of some rows, on top of the rows before; at the end what is made of it."""
        old, last = self.functions[callee(call)], stop == self.region.rows
        op = _sum(old)
        read = _read_by(op, old)
        operands = []
        for i, v in enumerate(call.operands):
            if i in read:
                operands.append(made[v] if v in made else cut_rows(v, Rows(0, start, stop)))
            elif last:
                operands.append(v)
        operands += before
        function = _sum_kernel(self.program, old, op, operands, bool(before), last)
        signature = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
        name = add_function(function, call, self.functions, "onto" if before else "rows")
        symbol = ir.FlatSymbolRefAttr.get(name)
        return func.CallOp(signature.results, symbol, operands).operation.results[0]

    def _join(self, call: ir.Operation, is_sum: bool, parts: Sequence[ir.Value]) -> None:
        """Puts the result of all strips in the place of a call's, where others read it."""
        from tyc.dialects import ty

        result, inside = call.results[0], {c.results[0] for c in self.region.calls}
        readers = [use.owner.operation for use in result.uses]
        if all(r.results and r.results[0] in inside for r in readers):
            return
        value = parts[0]
        if not is_sum:
            with ir.InsertionPoint(self.last), call.location:
                value = ty.concat(list(parts), axis=leading_axis(_type(result).shape))
        result.replace_all_uses_with(value)


def _sum_kernel(
    program: Program, old: ir.Operation, op: Any, operands: Sequence[ir.Value], onto: bool,
    last: bool,
) -> ir.Operation:  # fmt: skip
    """A kernel like the `old` one of the sum `op` for the rows that it gets, from its last argument
    on if `onto`; it returns the sum alone but for the `last` rows."""
    block = old.regions[0].blocks[0]
    *operations, terminator = [o.operation for o in block.operations]
    results = terminator.operands if last else op.operation.results
    kinds = [v.type for v in results]
    with ir.InsertionPoint(program.module.body), old.location:
        made = func.FuncOp("kernel", ([v.type for v in operands], kinds), visibility="private")
    for key in old.attributes:
        if last and key not in ("sym_name", "function_type", "sym_visibility"):
            made.operation.attributes[key] = old.attributes[key]
    new = made.add_entry_block()
    arguments = [a for i, a in enumerate(block.arguments) if last or i in _read_by(op, old)]
    values = dict(zip(arguments, new.arguments))
    rest = [new.arguments[-1]] if onto else []
    with ir.InsertionPoint(new), old.location:
        for operation in operations:
            if operation.results[0] == op.operation.results[0]:
                values[operation.results[0]] = _partial(op, values, rest)
            elif last:
                copy = operation.clone()
                for i, v in enumerate(operation.operands):
                    copy.operation.operands[i] = values[v]
                values |= zip(operation.results, copy.operation.results)
        func.ReturnOp([values[v] for v in results])
    return made.operation


def _partial(op: Any, values: Mapping[ir.Value, ir.Value], rest: Sequence[ir.Value]) -> ir.Value:
    """The sum of some rows, onto what is given."""
    from tyc.dialects import ty

    if op.NAME == "matmul":
        build = ty.matmul_add if rest else ty.matmul
        return build(values[op.a], values[op.b], *rest, transpose_a=True)
    x = values[op.x]
    return ty.reduce_sum_add(x, *rest) if rest else ty.reduce_sum(x, axes=[0])
