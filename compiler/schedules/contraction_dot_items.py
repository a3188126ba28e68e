"""The items of a product of bytes as code: rows of A copied, sums of tiles in registers.

    copy = A[block] ^ flip ; scf.for panels of B: column sums; scf.for tiles of rows: sums; results

See `contraction_dot.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mlir import ir
from mlir.dialects import arith, memref, vector

from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules import contraction_operands as operands
from tyc.compiler.schedules.affine import LANE, Affine
from tyc.compiler.schedules.arithmetic import Size
from tyc.compiler.schedules.contraction_dot_plan import STEP, DotPlan
from tyc.compiler.schedules.contraction_epilogue import Epilogue, is_heavy
from tyc.compiler.schedules.contraction_form import Contraction
from tyc.compiler.schedules.contraction_kernel import loop, only_if, repeat
from tyc.compiler.schedules.evaluation import Evaluator

Dot = Callable[[ir.Value, ir.Value, ir.Value], ir.Value]
"""`dot(sums, u, s)`: each i32 lane plus the four products of its unsigned and signed bytes."""

FLIP = -128
"""The top bit of a byte."""

_COPY_LANES = 16


@dataclass(frozen=True)
class Points:
    """The zero points of the bytes as they are multiplied, i32 scalars; `None` is zero."""

    a: ir.Value | None
    b: ir.Value | None


@dataclass
class Items:
    """The items as code: `copy` has the block's rows of A, `row_starts` and `column_starts` what
    the zero points add to each sum, `room` sums that wait for a long epilogue."""

    contraction: Contraction
    plan: DotPlan
    dot: Dot
    evaluator: Evaluator
    epilogue: Epilogue
    b: ir.Value
    points: Points
    copy: ir.Value
    row_starts: ir.Value
    column_starts: ir.Value
    room: ir.Value
    heavy: bool = field(init=False)

    def __post_init__(self) -> None:
        self.heavy = is_heavy(self.contraction)

    def run(self, item: Size) -> None:
        """Copies the rows of A, then walks through B panel by panel."""
        plan = self.plan
        along = size.remainder(item, plan.column_blocks)
        down = size.floor_divide(item, plan.column_blocks)
        first = size.multiply(down, plan.block_rows) if plan.rows > plan.block_rows else 0
        count = size.minimum(size.subtract(plan.rows, first), plan.block_rows)
        repeat(count, lambda r: self._copy_row(r, self._row(size.add(first, r))))
        panel = size.multiply(along, plan.block_panels)
        whole = size.subtract(plan.whole_panels, panel)
        whole = size.minimum(whole, plan.block_panels)
        groups = size.floor_divide(whole, plan.vectors)
        columns = plan.vectors * plan.lanes
        repeat(
            groups,
            lambda g: self._panels(
                first, count, size.add(panel, size.multiply(g, plan.vectors)), columns
            ),
        )
        if plan.tail:
            last = _equals(along, plan.column_blocks - 1)
            at = plan.whole_panels
            only_if(last, lambda: self._panels(first, count, at, plan.tail))

    # Rows of A.

    def _row(self, row: Size) -> dict[int, Size]:
        """The indices of the row loops."""
        c, found, rest = self.contraction, {}, row
        for d in reversed(c.rows):
            found[d] = size.remainder(rest, c.sizes[d]) if d != c.rows[0] else rest
            rest = size.floor_divide(rest, c.sizes[d])
            self._define(found[d], c.sizes[d])
        return found

    def _define(self, x: Size, n: int) -> None:
        if isinstance(x, ir.Value):
            self.evaluator.define(x, 0, n - 1)

    def _copy_row(self, r: Size, at: Mapping[int, Size]) -> None:
        """One row of A with its padding, and what its sum adds to the row's results."""
        plan = self.plan
        start = size.multiply(r, plan.pitch)
        if plan.padded:
            nothing = operands.zero(ir.IntegerType.get_signless(8), STEP * plan.lanes)
            repeat(
                plan.pitch,
                lambda k: operands.store(nothing, self.copy, size.add(start, k)),
                STEP * plan.lanes,
            )
        self._copy_runs(start, at, list(plan.depth), plan.deep)
        if self.points.b is None:
            return
        zeros = operands.zero(self.contraction.element, plan.lanes)
        sums = loop(
            0, plan.pitch, STEP * plan.lanes, [zeros],
            lambda k, s: [self._ones(s[0], self._bytes(size.add(start, k)), not plan.signed_b)],
        )  # fmt: skip
        total = vector.reduction(self.contraction.element, vector.CombiningKind.ADD, sums[0])
        memref.store(_negated(arith.muli(total, self.points.b)), self.row_starts, _at(r))

    def _bytes(self, address: Size) -> ir.Value:
        return operands.load(self.copy, address, STEP * self.plan.lanes)

    def _copy_runs(self, start: Size, at: Mapping[int, Size], loops: list[int], span: int) -> None:
        """The depth loops from the outermost one on; the last one's run is contiguous."""
        d, *inner = loops
        if not inner:
            return self._copy_run(start, at, d)
        span //= self.contraction.sizes[d]

        def body(k: Size) -> None:
            self._define(k, self.contraction.sizes[d])
            place = size.add(start, size.multiply(k, span))
            self._copy_runs(place, {**at, d: k}, inner, span)

        return repeat(self.contraction.sizes[d], body)

    def _copy_run(self, start: Size, at: Mapping[int, Size], d: int) -> None:
        c = self.contraction
        length, done = c.sizes[d], 0
        lanes = _COPY_LANES
        while done < length:
            whole = (length - done) // lanes * lanes

            def piece(k: Size, lanes: int = lanes, done: int = done) -> None:
                self._define(k, length)
                loops = {x: Affine.of(i) for x, i in at.items()}
                loops[d] = Affine.of(k) + done + (Affine({LANE: 1}) if lanes > 1 else 0)
                position = c.position(c.a.index, loops, self.evaluator.facts)
                value = self.evaluator.value(c.a.value, position, lanes)
                if self.plan.flips:
                    byte = ir.IntegerAttr.get(c.a.element, FLIP)
                    flip = ir.DenseElementsAttr.get_splat(value.type, byte)
                    value = arith.xori(value, arith.constant(value.type, flip))
                operands.store(value, self.copy, size.add(start, size.add(k, done)))

            repeat(whole, piece, lanes)
            done, lanes = done + whole, lanes // 2

    # Panels of B.

    def _panels(self, first: Size, count: Size, panel: Size, columns: int) -> None:
        """All rows of the block by some columns."""
        plan = self.plan
        vectors = -(-columns // plan.lanes)
        base = size.multiply(panel, plan.panel_bytes)
        column = size.multiply(panel, plan.lanes)
        self._start_columns(base, vectors)

        def tile(r: Size, height: int) -> None:
            self._tile(r, first, height, base, column, columns)

        whole = size.floor_divide(count, plan.height)
        repeat(whole, lambda t: tile(size.multiply(t, plan.height), plan.height))
        rest = plan.rows % plan.height
        if rest:
            whole = size.multiply(whole, plan.height)
            short = True if isinstance(count, int) else _less(whole, count)
            only_if(short, lambda: tile(whole, rest))

    def _start_columns(self, base: Size, vectors: int) -> None:
        """What the sums of B's columns add to the columns' results."""
        plan, element, points = self.plan, self.contraction.element, self.points
        if points.a is None:
            return
        zeros = [operands.zero(element, plan.lanes)] * vectors
        sums = loop(
            0, plan.deep, STEP, zeros,
            lambda k, sums: [
                self._ones(s, b, plan.signed_b)
                for s, b in zip(sums, self._factors(base, k, vectors))
            ],
        )  # fmt: skip
        for v, total in enumerate(sums):
            shift = vector.broadcast(total.type, points.a)
            value = _negated(arith.muli(total, shift))
            if points.b is not None:
                depth = arith.constant(element, self.contraction.extent(plan.depth))
                more = arith.muli(depth, arith.muli(points.a, points.b))
                value = arith.addi(value, vector.broadcast(total.type, more))
            operands.store(value, self.column_starts, v * plan.lanes)

    def _ones(self, sums: ir.Value, data: ir.Value, signed: bool) -> ir.Value:
        """`sums` plus the four bytes of each lane."""
        kind = ir.VectorType(data.type)
        one = ir.DenseElementsAttr.get_splat(kind, ir.IntegerAttr.get(kind.element_type, 1))
        ones = arith.constant(kind, one)
        return self.dot(sums, ones, data) if signed else self.dot(sums, data, ones)

    def _factors(self, base: Size, k: Size, vectors: int) -> list[ir.Value]:
        plan = self.plan
        at = size.add(base, size.multiply(k, plan.lanes))
        return [
            operands.load(self.b, size.add(at, v * plan.panel_bytes), STEP * plan.lanes)
            for v in range(vectors)
        ]

    def _spread(self, address: Size) -> ir.Value:
        """Four bytes of A in all lanes."""
        four = operands.load(self.copy, address, STEP)
        word = vector.bitcast(ir.VectorType.get([1], self.contraction.element), four)
        kind = ir.VectorType.get([self.plan.lanes], self.contraction.element)
        spread = vector.broadcast(kind, vector.extract(word, [], [0]))
        wide = ir.VectorType.get([STEP * self.plan.lanes], self.contraction.a.element)
        return vector.bitcast(wide, spread)

    def _tile(
        self, r: Size, first: Size, height: int, base: Size, column: Size, columns: int
    ) -> None:
        """`height` rows by some columns: sums in registers, then the results."""
        plan = self.plan
        vectors = -(-columns // plan.lanes)
        start = size.multiply(r, plan.pitch)
        row = size.add(first, r)

        def place(y: Size, v: int) -> dict[int, Size]:
            found = self._row(size.add(row, y))
            found[self.contraction.lane] = size.add(column, v * plan.lanes)
            self._define(found[self.contraction.lane], plan.columns)
            return found

        def step(k: Size, sums: list[ir.Value]) -> list[ir.Value]:
            factors = self._factors(base, k, vectors)
            found = []
            for y in range(height):
                spread = self._spread(size.add(size.add(start, k), y * plan.pitch))
                for v, factor in enumerate(factors):
                    pair = (spread, factor) if plan.signed_b else (factor, spread)
                    found.append(self.dot(sums[y * vectors + v], *pair))
            return found

        grid = [(y, v) for y in range(height) for v in range(vectors)]
        sums = [self._start(place(y, v), size.add(r, y), v) for y, v in grid]
        sums = loop(0, plan.deep, STEP, sums, step)
        counts = [min(columns - v * plan.lanes, plan.lanes) for v in range(vectors)]
        self._finish(sums, place, counts)

    def _finish(
        self,
        sums: list[ir.Value],
        place: Callable[[Size, int], dict[int, Size]],
        counts: list[int],
    ) -> None:
        """The results of a tile's sums; `counts` are the columns of each vector of a row."""
        lanes, vectors = self.plan.lanes, len(counts)
        if not self.heavy:
            for i, value in enumerate(sums):
                y, v = divmod(i, vectors)
                self.epilogue.finish(value, place(y, v), counts[v])
            return
        for i, value in enumerate(sums):
            operands.store(value, self.room, i * lanes)

        def finish(y: Size) -> None:
            at = size.multiply(y, vectors * lanes)
            for v in range(vectors):
                value = operands.load(self.room, size.add(at, v * lanes), lanes)
                self.epilogue.finish(value, place(y, v), counts[v])

        repeat(len(sums) // vectors, finish)

    def _start(self, at: Mapping[int, Size], r: Size, v: int) -> ir.Value:
        """What a vector of sums starts from."""
        value = self.epilogue.initial(at)
        if self.points.a is not None:
            more = operands.load(self.column_starts, v * self.plan.lanes, self.plan.lanes)
            value = arith.addi(value, more)
        if self.points.b is not None:
            more = memref.load(self.row_starts, _at(r))
            value = arith.addi(value, vector.broadcast(value.type, more))
        return value


def _at(index: Size) -> list[ir.Value]:
    return [size.materialise(index)]


def _negated(value: ir.Value) -> ir.Value:
    if isinstance(value.type, ir.VectorType):
        kind = ir.VectorType(value.type)
        return arith.subi(operands.zero(kind.element_type, kind.shape[0]), value)
    return arith.subi(operands.zero(value.type, None), value)


def _equals(value: Size, other: int) -> ir.Value | bool:
    if isinstance(value, int):
        return value == other
    return arith.cmpi(arith.CmpIPredicate.eq, value, size.constant(other))


def _less(a: Size, b: Size) -> ir.Value:
    return arith.cmpi(arith.CmpIPredicate.ult, size.materialise(a), size.materialise(b))
