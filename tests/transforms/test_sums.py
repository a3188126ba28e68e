"""Sums of padded parts become concatenations, sums of products one product."""

from __future__ import annotations

from typing import Any

from programs import check, program

from tyc.compiler.transforms.canonicalize import canonicalize
from tyc.compiler.transforms.dce import dce
from tyc.dialects import ty


def padded(x: Any, low: int, high: int) -> Any:
    return ty.dilate(x, factors=[1, 1], low=[0, low], high=[0, high])


def found(body: Any, *inputs: Any, exact: bool = False) -> list[str]:
    tolerance = None if exact else 0.0
    with program(body, *inputs) as made:
        return check(made, canonicalize, dce, exact=exact, tolerance=tolerance)


def test_parts_of_a_split_in_any_order() -> None:
    def overlapping(x: Any, y: Any, z: Any) -> Any:
        return ty.add(ty.add(padded(z, 4, 0), padded(x, 0, 6)), padded(y, 2, 3))

    assert "concat" not in found(overlapping, (3, 2), (3, 3), (3, 4))

    def split(x: Any, y: Any, z: Any) -> Any:
        return ty.add(ty.add(padded(z, 5, 0), padded(x, 0, 7)), padded(y, 2, 4))

    assert found(split, (3, 2), (3, 3), (3, 4)) == ["concat"]
    assert "concat" not in found(split, (3, 2), (3, 3), (3, 4), exact=True)


def test_a_part_of_the_whole_stays_padded() -> None:
    def body(x: Any, y: Any) -> Any:
        return ty.square(ty.add(padded(x, 1, 6), padded(y, 3, 3)))

    assert found(body, (3, 2), (3, 3)) == ["concat", "dilate", "square"]


def test_a_part_that_others_read_is_left() -> None:
    def body(x: Any, y: Any) -> Any:
        wide = padded(x, 0, 3)
        return [ty.add(wide, padded(y, 2, 0)), ty.negative(wide)]

    assert "concat" not in found(body, (3, 2), (3, 3))


def test_products_of_many_steps_are_one() -> None:
    def body(x: Any, y: Any, z: Any, g: Any, h: Any, i: Any, rest: Any) -> Any:
        parts = [ty.matmul(a, b, transpose_a=True) for a, b in ((x, g), (y, h), (z, i))]
        return ty.add(ty.add(ty.add(parts[0], rest), parts[1]), parts[2])

    shapes = [(2, 8)] * 3 + [(2, 9)] * 3 + [(8, 9)]
    with program(body, *shapes) as made:
        names = check(made, canonicalize, dce, tolerance=1e-4)
    assert names == ["concat", "concat", "matmul", "add"]


def test_products_smaller_than_their_matrices_stay_apart() -> None:
    def body(x: Any, y: Any) -> Any:
        parts = [ty.matmul(a, a, transpose_a=True) for a in (x, y)]
        return ty.add(*parts)

    with program(body, (64, 4), (64, 4)) as made:
        assert check(made, canonicalize, dce, tolerance=1e-4).count("matmul") == 2
