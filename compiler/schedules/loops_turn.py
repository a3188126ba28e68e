"""Transposing stages: blocks of rows that are read by columns and turned in registers.

y[c, p] = x[p, c]    for each 16 of c, each 8 of p: 8 loads of x[p + i, c..], two transposed
                     tiles of 8 by 8, 16 stores of y[c + j, p..]
"""

from __future__ import annotations

from mlir import ir
from mlir.dialects import arith, scf

from tyc.compiler.schedules import memory
from tyc.compiler.schedules.affine import Affine
from tyc.compiler.schedules.loops_emit import Element, Place, Span, StageEmitter


class TurnEmitter(StageEmitter):
    """The loops of a stage whose lanes stride through what it reads."""

    _variable: ir.Value | None = None
    _place: Place | None = None

    def jam(self, at: dict[int, Affine]) -> None:
        """The jammed loop and the lanes' loop, in the order that the mode wants."""
        g = self.mode.jammed
        if not self.mode.lanes_first:
            self._turn(at, g, self.spans[g])
            return

        def inner(found: list[Place]) -> None:
            (self._place,) = found
            self._turn(at, g, self.spans[g])
            self._place = None

        self.loops.lanes(self.spans[self.mode.along], self.mode.lanes, 1, inner)

    def along(self, at: dict[int, Affine], jammed: list[dict[int, Affine]]) -> None:
        """The lanes' loop, where it is not outside already."""
        if self._place is None:
            super().along(at, jammed)
            return
        x, lanes = self._place
        positions = [{**at, **j, self.mode.along: x} for j in jammed]
        self.block([Element(self.point(p, lanes), lanes, k) for k, p in enumerate(positions)])

    def compute(self, e: Element) -> list[ir.Value]:
        """An element of every value of the stage, tiles turned."""
        with self.evaluator.tile(self._variable, e.jam % memory.TILE):
            return super().compute(e)

    def _turn(self, at: dict[int, Affine], g: int, span: Span) -> None:
        """Blocks along the jammed loop, read as tiles of 8; what is left one by one."""
        jam = self.mode.jam
        if not span.is_ragged:
            self._tiles(at, g, span.base, span.size)
            return
        rest = span.extent % jam
        is_last = self.loops.is_last(span)
        left = self.loops.index(span.extent % span.size - rest)
        whole = arith.select(is_last, left, self.loops.index(span.size))
        self._tile_loop(at, g, span.base, jam, 0, whole, (0, span.size - jam))
        if rest:
            op = scf.IfOp(is_last)
            with ir.InsertionPoint(op.then_block), self.evaluator.barrier(op.operation):
                self._tiles(at, g, Affine({}, span.extent - rest), rest)
                scf.YieldOp([])

    def _tiles(self, at: dict[int, Affine], g: int, base: Affine, size: int) -> None:
        done = 0
        for step in (self.mode.jam, memory.TILE):
            whole = (size - done) // step * step
            if whole:
                self._tile_loop(at, g, base, step, done, done + whole, None)
                done += whole
        for k in range(done, size):
            self.along(at, [{g: base + k}])

    def _tile_loop(
        self,
        at: dict[int, Affine],
        g: int,
        base: Affine,
        step: int,
        low: int,
        high: int | ir.Value,
        bounds: tuple[int, int] | None,
    ) -> None:
        with self.loops.loop(low, high, step, bounds) as (x, _):
            variable = next(iter(x.terms))
            assert isinstance(variable, ir.Value)
            self._variable = variable
            self.along(at, [{g: base + x + k} for k in range(step)])
            self._variable = None
            scf.YieldOp([])


class WeaveEmitter(StageEmitter):
    """The loops of a stage whose innermost loop is short: a vector for each of its positions, along
    another loop, put together before they are stored."""

    def block(self, elements: list[Element]) -> None:
        """Computes the elements of one place and stores them side by side."""
        values = [self.compute(e) for e in elements]
        if elements[0].lanes != self.mode.lanes:
            for e, found in zip(elements, values):
                self.store(e, found)
            return
        for n, t in enumerate(self.plan.stage.values):
            for buffer in self.targets[t]:
                vectors = [v[n] for v in values]
                memory.store_woven(buffer, elements[0].at, vectors, self.loops.index)
