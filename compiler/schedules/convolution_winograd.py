"""3x3 convolutions by Winograd's minimal filtering, with the pointwise rest of the kernel fused.

    for each item: a block of output tiles, some panels of output channels
      inputs[position][tile][ic]  = input transform of the tile's part of the image
      for each panel of output channels
        sums[tile][position][oc]  = inputs[position][tile][:] . filters[panel][position][:][oc]
        output transform of the sums; bias, residual, activation; vector.store

The filters are transformed at compile time (`convolution_winograd_packing.py`). Inputs are
transformed once for all panels of an item, and for items that follow it in the same call. Read
`convolution_winograd_plan.py` for how a convolution is cut, `convolution_winograd_transform.py` for
the mathematics and the error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlir import ir
from mlir.dialects import arith

from tyc.compiler.options import Options
from tyc.compiler.schedules import arithmetic as size
from tyc.compiler.schedules import contraction_analysis as analysis
from tyc.compiler.schedules import contraction_operands as operands
from tyc.compiler.schedules import convolution_winograd_plan as planning
from tyc.compiler.schedules import cost, frame
from tyc.compiler.schedules.choice import Parameters
from tyc.compiler.schedules.contraction_epilogue import Epilogue
from tyc.compiler.schedules.contraction_form import argument_of
from tyc.compiler.schedules.contraction_kernel import loop
from tyc.compiler.schedules.convolution_winograd_block import Block
from tyc.compiler.schedules.convolution_winograd_packing import WinogradPacking
from tyc.compiler.schedules.convolution_winograd_plan import Convolution, Plan
from tyc.compiler.schedules.kernel import (
    Packings,
    ScheduledKernel,
)
from tyc.compiler.targets import Target


class Winograd:
    """One 3x3 convolution with its epilogue, where `options.exact` allows other sums."""

    name = "winograd"

    def schedule(
        self,
        module: ir.Module,
        target: Target,
        options: Options,
        parameters: Parameters | None = None,
    ) -> ScheduledKernel | None:
        """The kernel on buffers; parameters are any of `tile`, `block`, `panels`."""
        with module.context, ir.Location.unknown():
            convolution = _read(module, options)
            if convolution is None:
                return None
            plan = planning.from_parameters(convolution, target, parameters or {})
            return _Builder(plan).build()

    def space(
        self, module: ir.Module, target: Target, options: Options, limit: int
    ) -> list[Parameters]:
        """The plans with the least estimates."""
        convolution = _read(module, options)
        if convolution is None:
            return []
        return [p.parameters for p in planning.ranked(convolution, target)[:limit]]

    def estimate(self, module: ir.Module, target: Target, options: Options) -> float | None:
        """Nanoseconds of the plan with the least cost."""
        convolution = _read(module, options)
        plans = [] if convolution is None else planning.ranked(convolution, target)
        return cost.nanoseconds(planning.cost(plans[0], target), target) if plans else None


def _read(module: ir.Module, options: Options) -> Convolution | None:
    if options.exact:
        return None
    with module.context:
        contraction = analysis.find(module)
    return None if contraction is None else planning.read(contraction)


@dataclass
class _Builder:
    plan: Plan

    def build(self) -> ScheduledKernel:
        """A new module with the scheduled function."""
        plan, c = self.plan, self.plan.convolution.contraction
        arguments = list(c.function.regions[0].blocks[0].arguments)
        convolution = plan.convolution
        channels = convolution.outer, convolution.inner
        packing = WinogradPacking(plan.tile, channels, plan.panel)
        weights = argument_of(c.b.value)
        position = arguments.index(weights)
        packings: Packings = {position: packing}
        kinds = frame.memory_types(arguments, c.roots, packings)
        name = frame.name_of(c.function)
        module, _ = frame.emit(name, kinds, lambda values: self._body(arguments, values))
        return ScheduledKernel(
            module, name, len(arguments), math.prod(plan.counts), packings,
            analysis.in_place(c, arguments), plan.scratch_bytes, c.flops,
            frame.traffic([*arguments, *(r.value for r in c.roots)]),
        )  # fmt: skip

    def _body(self, arguments: list[ir.Value], values: list[ir.Value]) -> None:
        plan, c = self.plan, self.plan.convolution.contraction
        bound = frame.bind(arguments, c.roots, values)
        evaluator = bound.evaluator
        scratch = {k: operands.scratch(n, c.element) for k, n in plan.scratch.items()}
        epilogue = Epilogue(c, evaluator, bound.outputs, None, plan.lanes)
        weights = argument_of(c.b.value)
        assert weights is not None
        begin, end = values[-2:]
        block = Block(plan, evaluator, epilogue, bound.flats[weights], scratch)

        def item(number: size.Size, _: list[ir.Value]) -> list[ir.Value]:
            per = plan.counts[1]
            part = size.remainder(number, per)
            fresh: ir.Value | bool = True
            if not isinstance(part, int):
                first = arith.cmpi(arith.CmpIPredicate.eq, size.materialise(number), begin)
                zero = arith.cmpi(arith.CmpIPredicate.eq, part, size.constant(0))
                fresh = arith.ori(first, zero)
            block.run(size.floor_divide(number, per), part, fresh)
            return []

        loop(begin, end, 1, [], item)
