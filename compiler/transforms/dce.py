"""Erases what no output needs.

    %0 = "ty.exp"(%x)                        (gone)
    %1 = "ty.parameter"() {name = "w"}       (gone, and "w" leaves the parameters)
    return %x                                return %x

An op is needed where a result of it is read.
"""

from __future__ import annotations

from tyc.compiler.options import Options
from tyc.compiler.rewriting import erase_dead
from tyc.dialects.program import Program


def dce(program: Program, options: Options) -> bool:
    """Erases operations without uses, and parameters that nothing names; true for any."""
    return erase_dead(program) > 0
