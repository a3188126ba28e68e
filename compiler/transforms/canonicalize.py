"""Writes a program in its simplest form: fewer ops, less movement, constants on the right.

    %0 = "ty.transpose"(%w) {perm = [1, 0]}            %2 = "ty.matmul"(%x, %w) {transpose_b = true}
    %1 = "ty.reshape"(%x) {shape = [2, 3]}   becomes   %3 = "ty.clip"(%2) {low = 0, high = 6}
    %2 = "ty.matmul"(%1, %0)                           (%x had the shape [2, 3] already)
    %3 = "ty.minimum"(%relu_of_2, %six)

The patterns stand in `patterns_*.py` beside this file; those that may round anew are left out in
exact mode.
"""

from __future__ import annotations

from functools import cache

from tyc.compiler.options import Options
from tyc.compiler.transforms.patterns_arithmetic import EXACT, FAST
from tyc.compiler.transforms.patterns_contraction import CONTRACTIONS
from tyc.compiler.transforms.patterns_elementwise import EVERYWHERE
from tyc.compiler.transforms.patterns_guards import GUARDS
from tyc.compiler.transforms.patterns_movement import MOVEMENT
from tyc.compiler.transforms.patterns_pooling import POOLING
from tyc.compiler.transforms.patterns_splitting import SPLITTING
from tyc.compiler.transforms.patterns_sums import SUMS
from tyc.compiler.transforms.worklist import Table, merged, rewrite
from tyc.dialects import ty
from tyc.dialects.ods import REGISTRY, Elementwise
from tyc.dialects.program import Program


def canonicalize(program: Program, options: Options) -> bool:
    """Applies all patterns to a fixpoint; true where something changed."""
    return rewrite(program, options, _patterns(options.exact))


@cache
def _patterns(exact: bool) -> Table:
    assert ty.__all__  # all families are registered
    elementwise = [name for name, op in REGISTRY.items() if issubclass(op, Elementwise)]
    everywhere = dict.fromkeys(elementwise, EVERYWHERE)
    fast = {} if exact else merged(GUARDS, FAST, SUMS)
    # A product in another form may add in another order.
    contractions = {k: v for k, v in CONTRACTIONS.items() if not (exact and k == "matmul")}
    # Guards first: they know a product as it was written.
    return merged(MOVEMENT, SPLITTING, POOLING, fast, contractions, EXACT, everywhere)
