"""Recognises composites that an exporter took apart.

    %m = "ty.reduce_mean"(%x) {axes = [2]}           %y = "ty.layer_norm"(%x, %scale, %bias)
    %d = "ty.subtract"(%x, %m)
    %v = "ty.reduce_mean"(%d * %d) ...      becomes  (and so softmax, rms_norm, gelu, silu, ...)
    %n = %d / "ty.sqrt"(%v + %eps)
    %y = %n * %scale + %bias

Normalisations are recognised by their structure (`patterns_normalization.py`), activations by their
values (`raise_activations.py`). Not for exact mode: a composite rounds in its own way.
"""

from __future__ import annotations

from tyc.compiler.options import Options
from tyc.compiler.transforms.patterns_normalization import normalizations
from tyc.compiler.transforms.raise_activations import raise_activations
from tyc.compiler.transforms.worklist import rewrite
from tyc.dialects.program import Program


def raise_composites(program: Program, options: Options) -> bool:
    """Replaces decomposed normalisations and activations by their ops, unless `options.exact`; true
    where something changed."""
    if options.exact:
        return False
    present = {operation.name.removeprefix("ty.") for operation in program.operations()}
    changed = rewrite(program, options, normalizations(present))
    return raise_activations(program, options) or changed
