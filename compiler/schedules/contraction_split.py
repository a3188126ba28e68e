"""Rows of a contraction whose factor A is read in windows along other rows: cut in blocks.

    y[kh, kw, c, o] += x[n, h + kh, w + kw, c] * g[n, h, w, o]      rows kh, kw, c
    c = 64 * block + inner                                  ->      rows block, kh, kw, inner

That is the gradient of a convolution's weight. All taps read the same part of the image: a task
that has a block of channels and all of the taps copies that part once.
"""

from __future__ import annotations

from dataclasses import replace

from tyc.compiler.schedules.contraction_form import Contraction, Linear, argument_of

_MOST, _LEAST = 64, 24
"""Rows of a block: tiles of rows come out even, and a copy for some hundred products fits."""


def split_rows(c: Contraction) -> Contraction:
    """The contraction with its innermost row loop in blocks, where other rows are windows."""
    if len(c.rows) < 2 or argument_of(c.a.value) is not None or not rows_are_windows(c):
        return c
    inner, size = c.rows[-1], c.sizes[c.rows[-1]]
    most = min(_MOST, size // 2)
    block = next((b for b in range(most, _LEAST - 1, -1) if size % b == 0), size)
    if block == size or sum(inner in _loops(i) for i in c.a.index) != 1:
        return c
    outer = len(c.sizes)
    sizes = [*c.sizes, size // block]
    sizes[inner] = block

    def split(index: tuple[Linear, ...]) -> tuple[Linear, ...]:
        found = []
        for i in index:
            step = i.coefficient(inner) * block
            found.append(i.plus(Linear(((outer, step),))) if step else i)
        return tuple(found)

    return replace(
        c,
        sizes=tuple(sizes),
        a=replace(c.a, index=split(c.a.index)),
        output=split(c.output),
        roots=tuple(replace(r, index=split(r.index)) for r in c.roots),
        known={value: split(index) for value, index in c.known.items()},
        rows=(outer, *c.rows),
    )


def rows_are_windows(c: Contraction) -> bool:
    """True where a row loop and a depth loop are one index of A, and the innermost row is alone."""
    rows, depth, inner = set(c.rows), set(c.depth), set(c.rows[-1:])
    alone = any(inner and inner <= _loops(i) <= rows for i in c.a.index)
    mixed = any(rows & _loops(i) and depth & _loops(i) for i in c.a.index)
    return alone and mixed


def _loops(index: Linear) -> set[int]:
    return {d for d, _ in index.terms}
