"""Index expressions: sums of scaled atoms that simplify before they become code.

An `Affine` is `sum(coefficient * atom) + constant`. An atom is an index value of the kernel, a
`Symbol` (the lane of a vector, or a dimension in an analysis), or a `Quotient` or `Remainder` that
did not simplify. What is known of atoms (range, divisor) stands in `Facts`. So `i // 8 * 8 + i % 8`
is `i` again, and a reshape between contiguous buffers leaves no division behind.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mlir import ir


@dataclass(frozen=True)
class Symbol:
    """An atom without a value yet: `LANE`, or a dimension of an iteration space."""

    name: str
    position: int = 0


LANE = Symbol("lane")


class Affine:
    """`sum(coefficient * atom) + constant`, immutable and hashable."""

    __slots__ = ("_hash", "constant", "terms")

    def __init__(self, terms: Mapping[Atom, int], constant: int = 0) -> None:
        self.terms = terms
        self.constant = constant
        self._hash: int | None = None

    @staticmethod
    def of(value: Index) -> Affine:
        """The expression of an int, an atom or an expression."""
        if isinstance(value, Affine):
            return value
        if isinstance(value, int):
            return Affine({}, value)
        return Affine({value: 1})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Affine):
            return NotImplemented
        return self.constant == other.constant and self.terms == other.terms

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((frozenset(self.terms.items()), self.constant))
        return self._hash

    def __add__(self, other: Index) -> Affine:
        if isinstance(other, int):
            return Affine(self.terms, self.constant + other) if other else self
        return total([(1, self), (1, Affine.of(other))])

    __radd__ = __add__

    def __sub__(self, other: Index) -> Affine:
        return total([(1, self), (-1, Affine.of(other))])

    def __mul__(self, factor: int) -> Affine:
        if factor == 1:
            return self
        if factor == 0:
            return Affine({})
        return Affine({a: c * factor for a, c in self.terms.items()}, self.constant * factor)

    __rmul__ = __mul__

    def __repr__(self) -> str:
        parts = [f"{c}*{_name(a)}" for a, c in self.terms.items()]
        return " + ".join([*parts, str(self.constant)])

    @property
    def is_constant(self) -> bool:
        """True where no atom occurs."""
        return not self.terms

    def coefficient(self, atom: Atom) -> int:
        """The coefficient of an atom in the sum itself."""
        return self.terms.get(atom, 0)

    def atoms(self) -> set[Atom]:
        """Every value and symbol that occurs, inside of quotients and remainders too."""
        found: set[Atom] = set()
        for atom in self.terms:
            if isinstance(atom, (Quotient, Remainder)):
                found |= atom.of.atoms()
            else:
                found.add(atom)
        return found

    def is_linear_in(self, atom: Atom) -> bool:
        """True where the atom is in no quotient or remainder."""
        return not any(
            isinstance(a, (Quotient, Remainder)) and atom in a.of.atoms() for a in self.terms
        )


@dataclass(frozen=True)
class Quotient:
    """`floor(of / by)` that did not simplify."""

    of: Affine
    by: int


@dataclass(frozen=True)
class Remainder:
    """`of - by * floor(of / by)` that did not simplify."""

    of: Affine
    by: int


Atom = ir.Value | Symbol | Quotient | Remainder
Index = int | ir.Value | Symbol | Affine


def _name(atom: Atom) -> str:
    if isinstance(atom, Symbol):
        return f"{atom.name}{atom.position}"
    if isinstance(atom, (Quotient, Remainder)):
        return f"({atom.of} {'//' if isinstance(atom, Quotient) else '%'} {atom.by})"
    return atom.get_name()


def total(parts: Iterable[tuple[int, Affine]]) -> Affine:
    """`sum(factor * part)`; a quotient and a remainder of one expression join again."""
    terms: dict[Atom, int] = {}
    constant = 0
    joins = False
    for factor, part in parts:
        constant += factor * part.constant
        for atom, c in part.terms.items():
            terms[atom] = terms.get(atom, 0) + factor * c
            joins = joins or isinstance(atom, Quotient)
    terms = {a: c for a, c in terms.items() if c}
    return _join(terms, constant) if joins else Affine(terms, constant)


def _join(terms: dict[Atom, int], constant: int) -> Affine:
    """`c*n * (x // n) + c * (x % n)` is `c * x`."""
    for atom, c in terms.items():
        if isinstance(atom, Quotient):
            rest = Remainder(atom.of, atom.by)
            if rest in terms and terms[rest] * atom.by == c:
                factor = terms[rest]
                kept = {a: k for a, k in terms.items() if a != atom and a != rest}
                return total([(1, Affine(kept, constant)), (factor, atom.of)])
    return Affine(terms, constant)


@dataclass
class Facts:
    """What is known of atoms: inclusive range, and a divisor of the value."""

    ranges: dict[Atom, tuple[int, int]] = field(default_factory=dict)
    divisors: dict[Atom, int] = field(default_factory=dict)
    sums: dict[Affine, tuple[int, int]] = field(default_factory=dict)

    def declare(self, atom: Atom, low: int, high: int, divisor: int = 1) -> None:
        """States `low <= atom <= high` and that `divisor` divides it."""
        self.ranges[atom] = (low, high)
        self.divisors[atom] = divisor

    def assume(self, x: Affine, low: int, high: int) -> None:
        """States the range of a whole expression, as a loop's bounds make it."""
        if x.terms:
            self.sums[x] = (low, high)

    def bounds(self, x: Affine) -> tuple[int, int] | None:
        """An inclusive range that holds `x`, or `None`."""
        if x in self.sums:
            return self.sums[x]
        low = high = x.constant
        for atom, c in x.terms.items():
            span = self._range(atom)
            if span is None:
                return None
            low += c * span[c < 0]
            high += c * span[c > 0]
        return low, high

    def _range(self, atom: Atom) -> tuple[int, int] | None:
        if isinstance(atom, Quotient):
            span = self.bounds(atom.of)
            return None if span is None else (span[0] // atom.by, span[1] // atom.by)
        if isinstance(atom, Remainder):
            return 0, atom.by - 1
        return self.ranges.get(atom)

    def step(self, atom: Atom, coefficient: int) -> int:
        """A divisor of `coefficient * atom`."""
        return abs(coefficient) * self.divisors.get(atom, 1)

    def quotient(self, x: Affine, n: int) -> Affine:
        """`floor(x / n)`."""
        return self._divide(x, n)[0]

    def remainder(self, x: Affine, n: int) -> Affine:
        """`x - n * floor(x / n)`."""
        return self._divide(x, n)[1]

    def _divide(self, x: Affine, n: int) -> tuple[Affine, Affine]:
        if n == 1:
            return x, Affine({})
        whole = Affine({a: c // n for a, c in x.terms.items() if c % n == 0}, x.constant // n)
        rest = Affine({a: c for a, c in x.terms.items() if c % n}, x.constant % n)
        span = self.bounds(rest)
        if span is not None and span[0] // n == span[1] // n:
            q = span[0] // n
            return whole + q, rest + (-q * n)
        for g in self._common(rest, n):
            split = self._split(rest, g)
            if split is not None:
                q, r = self._divide(split[0], n // g)
                return whole + q, r * g + split[1]
        return whole + Affine({Quotient(rest, n): 1}), Affine({Remainder(rest, n): 1})

    def _common(self, x: Affine, n: int) -> list[int]:
        """Divisors of `n` by which some terms of `x` can be divided, the largest first."""
        found = {math.gcd(n, self.step(a, c)) for a, c in x.terms.items()}
        return sorted((g for g in found if g > 1), reverse=True)

    def _split(self, x: Affine, g: int) -> tuple[Affine, Affine] | None:
        """`u, v` with `x == g * u + v` and `0 <= v < g`, where that is known."""
        upper: dict[Atom, int] = {}
        lower: dict[Atom, int] = {}
        for atom, c in x.terms.items():
            if c % g == 0:
                upper[atom] = c // g
            elif self.step(atom, c) % g == 0:
                upper[Quotient(Affine({atom: c}), g)] = 1
            else:
                lower[atom] = c
        v = Affine(lower, x.constant % g)
        span = self.bounds(v)
        if span is None or span[0] < 0 or span[1] >= g:
            return None
        return Affine(upper, x.constant // g), v
