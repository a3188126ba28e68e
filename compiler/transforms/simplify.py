"""The simplification of a program: a list of passes, run until they change nothing.

    %0 = "ty.conv"(%x, %w)                            %0 = "ty.conv"(%x, %w2, %b2)
    %1 = "ty.batch_norm"(%0, ...)           becomes   %1 = "ty.silu"(%0)
    %2 = "ty.sigmoid"(%1)
    %3 = "ty.multiply"(%1, %2)

Each pass stands in a file of its name.
"""

from __future__ import annotations

from collections.abc import Callable

from tyc.compiler.options import Options
from tyc.compiler.targets import Target
from tyc.compiler.transforms.canonicalize import canonicalize
from tyc.compiler.transforms.channels_last import channels_last
from tyc.compiler.transforms.cse import cse
from tyc.compiler.transforms.dce import dce
from tyc.compiler.transforms.fold_batch_norm import fold_batch_norm
from tyc.compiler.transforms.fold_constants import fold_constants
from tyc.compiler.transforms.raise_attention import raise_attention
from tyc.compiler.transforms.raise_composites import raise_composites
from tyc.dialects.program import Program

Pass = Callable[[Program, Options], bool]
"""Rewrites a program; true where it changed something."""

PASSES: list[tuple[str, Pass]] = [
    # First: nothing is done twice for equal values or for nobody.
    ("dce", dce),
    ("cse", cse),
    # Before the patterns, which look for constants and not for expressions of constants.
    ("fold-constants", fold_constants),
    # As written: canonical forms merge an activation's numbers with those around it ...
    ("raise-composites", raise_composites),
    ("canonicalize", canonicalize),
    # ... and in canonical form: of the parts of a normalisation there are fewer forms then.
    ("raise-composites", raise_composites),
    # After factors have found constants to merge with, and softmax stands as one op.
    ("raise-attention", raise_attention),
    # After activations have taken the factors that are theirs.
    ("fold-batch-norm", fold_batch_norm),
    # After padding, factors and activations have found their convolutions, whose order they know.
    ("channels-last", channels_last),
]

_ROUNDS = 3
_DISTINCT = {function for _, function in PASSES}


def simplify(program: Program, options: Options, target: Target | None = None) -> None:
    """Runs `PASSES` until none changes anything, each three times at most.

    Layouts are chosen for `target` (default: this machine).
    """
    settled: set[Pass] = set()
    for _, function in PASSES * _ROUNDS:
        if len(settled) == len(_DISTINCT):
            break
        if function in settled:
            continue
        if function is channels_last:
            changed = channels_last(program, options, target)
        else:
            changed = function(program, options)
        if changed:
            settled.clear()
        else:
            settled.add(function)
    dce(program, options)
