"""Einsum by transposes, reshapes and batched matrix products.

"bij,bjk->bik": letters of both operands and the result are batch (b), of both only are summed
(j), of one are rows (i) or columns (k); an operand becomes [batch, rows, summed].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tyc.onnx.graph import Graph
from tyc.onnx.rules import Node


def einsum(g: Graph, n: Node, equation: str, operands: Sequence[Any]) -> Any:
    """The result of an equation; operands are taken in from left to right."""
    terms, result = _parse(g, n, equation, operands)
    sizes: dict[str, int] = {}
    parts = []
    for x, letters in zip(operands, terms):
        x, letters = _diagonal(g, x, letters)
        for letter, size in zip(letters, g.shape(x)):
            if sizes.setdefault(letter, size) != size and 1 not in (size, sizes[letter]):
                n.fail(f"index {letter!r} must have one size, got {sizes[letter]} and {size}")
            sizes[letter] = max(sizes[letter], size)
        parts.append((x, letters))
    x, letters = parts[0]
    for i, (other, other_letters) in enumerate(parts[1:], 1):
        later = set(result).union(*(set(p[1]) for p in parts[i + 1 :]))
        x, letters = _product(g, (x, letters), (other, other_letters), later)
    x, letters = _summed(g, x, letters, set(result))
    return _ordered(g, x, letters, result)


def _parse(g: Graph, n: Node, equation: str, operands: Sequence[Any]) -> tuple[list[str], str]:
    """One letter a dimension for each operand and the result; an ellipsis becomes upper case."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        n.fail(f"equation {equation!r} has {len(terms)} terms for {len(operands)} operands")
    spare = [chr(c) for c in range(0x391, 0x3A1)]
    most = 0
    for i, (term, x) in enumerate(zip(terms, operands)):
        hidden = g.rank(x) - len(term.replace("...", ""))
        if hidden < 0 or (hidden and "..." not in term):
            n.fail(f"term {term!r} does not fit an operand of rank {g.rank(x)}")
        most = max(most, hidden)
        terms[i] = term.replace("...", "".join(spare[len(spare) - hidden :]) if hidden else "")
    dots = "".join(spare[len(spare) - most :]) if most else ""
    if not arrow:
        letters = left.replace(",", "").replace(".", "")
        right = "..." + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return terms, right.replace("...", dots)


def _diagonal(g: Graph, x: Any, letters: str) -> tuple[Any, str]:
    """Takes diagonals until no letter comes twice."""
    for letter in sorted(set(letters)):
        while letters.count(letter) > 1:
            i = letters.index(letter)
            j = letters.index(letter, i + 1)
            rest = [k for k in range(len(letters)) if k not in (i, j)]
            shape = g.shape(x)
            keep, size = [shape[k] for k in rest], shape[i]
            flat = g.reshape(g.transpose(x, perm=[*rest, i, j]), shape=[*keep, size * size])
            zeros, steps = [0] * (len(keep) + 1), [1] * len(keep)
            x = g.slice(flat, starts=zeros, sizes=[*keep, size], steps=[*steps, size + 1])
            letters = "".join(letters[k] for k in rest) + letter
    return x, letters


def _summed(g: Graph, x: Any, letters: str, keep: set[str]) -> tuple[Any, str]:
    """Sums over the letters that nobody needs."""
    axes = [i for i, c in enumerate(letters) if c not in keep]
    if not axes:
        return x, letters
    x = g.reduce_sum(x, axes=axes, keepdims=False)
    return x, "".join(c for c in letters if c in keep)


def _ordered(g: Graph, x: Any, letters: str, wanted: str) -> Any:
    perm = [letters.index(c) for c in wanted]
    return x if perm == list(range(len(perm))) else g.transpose(x, perm=perm)


def _product(g: Graph, a: tuple[Any, str], b: tuple[Any, str], later: set[str]) -> tuple[Any, str]:
    """The product of two operands, summed over the letters that only they have."""
    x, left = _summed(g, *a, later | set(b[1]))
    y, right = _summed(g, *b, later | set(left))
    shared = [c for c in left if c in right]
    x_size, y_size = dict(zip(left, g.shape(x))), dict(zip(right, g.shape(y)))
    if any(x_size[c] != y_size[c] for c in shared) or not shared:
        return _by_broadcast(g, (x, left), (y, right), later)
    batch = [c for c in shared if c in later]
    inner = [c for c in shared if c not in later]
    if not inner:
        return _by_broadcast(g, (x, left), (y, right), later)
    rows = [c for c in left if c not in shared]
    columns = [c for c in right if c not in shared]
    x = _grouped(g, x, left, [batch, rows, inner])
    y = _grouped(g, y, right, [batch, inner, columns])
    shape = [x_size[c] for c in batch + rows] + [y_size[c] for c in columns]
    return g.reshape(g.matmul(x, y), shape=shape), "".join(batch + rows + columns)


def _grouped(g: Graph, x: Any, letters: str, groups: Sequence[Sequence[str]]) -> Any:
    """`x` with one dimension for each group of letters."""
    size = dict(zip(letters, g.shape(x)))
    x = _ordered(g, x, letters, "".join(c for group in groups for c in group))
    return g.reshape(x, shape=[math.prod(size[c] for c in group) for group in groups])


def _by_broadcast(
    g: Graph, a: tuple[Any, str], b: tuple[Any, str], later: set[str]
) -> tuple[Any, str]:
    """An elementwise product with dimensions of size 1 where an operand lacks a letter."""
    (x, left), (y, right) = a, b
    letters = left + "".join(c for c in right if c not in left)

    def aligned(v: Any, own: str) -> Any:
        size = dict(zip(own, g.shape(v)))
        v = _ordered(g, v, own, "".join(c for c in letters if c in own))
        return g.reshape(v, shape=[size.get(c, 1) for c in letters])

    return _summed(g, g.multiply(aligned(x, left), aligned(y, right)), letters, later)
