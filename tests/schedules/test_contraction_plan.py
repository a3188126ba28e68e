"""The space of plans: distinct, in order, all of them right; plans as plain data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from contraction_kernels import check, prepared
from programs import program

from tyc.compiler.schedules import contraction_plan
from tyc.compiler.schedules.choice import InvalidParameters
from tyc.compiler.schedules.contraction import contraction_space
from tyc.compiler.schedules.contraction_analysis import find
from tyc.compiler.schedules.contraction_form import Contraction
from tyc.compiler.targets import find as find_target
from tyc.compiler.targets import host
from tyc.dialects import ty

MATMUL = (lambda a, b, c: ty.relu(ty.add(ty.matmul(a, b), c)), (27, 600), (600, 45), (45,))
PLAIN = {"strides": [1, 1], "padding": [1, 1, 1, 1], "dilations": [1, 1]}
CONVOLUTION = (
    lambda x, w: ty.conv(x, w, None, layout="NXC", **PLAIN), (1, 6, 7, 5), (19, 5, 3, 3),
)  # fmt: skip


@contextmanager
def contraction_of(case: tuple, constants: list[int]) -> Iterator[Contraction]:
    with program(case[0], *case[1:]) as made:
        module = prepared(made, constants)
        found = find(module)
        assert found is not None
        yield found


@pytest.mark.parametrize("constants", [[1], []], ids=["packed", "variable"])
@pytest.mark.parametrize("case", [MATMUL, CONVOLUTION], ids=["matmul", "convolution"])
def test_space_is_in_order_and_distinct(case: tuple, constants: list[int]) -> None:
    with contraction_of(case, constants) as contraction:
        plans = contraction_plan.space(contraction, host(), 50)
        assert plans[0] == contraction_plan.make(contraction, host())
        assert len(set(plans)) == len(plans) == 50
        assert len({json.dumps(p.parameters()) for p in plans}) == 50
        for plan in plans:
            data = json.loads(json.dumps(plan.parameters()))
            assert contraction_plan.from_parameters(contraction, host(), data) == plan


@pytest.mark.parametrize("constants", [[1], []], ids=["packed", "variable"])
@pytest.mark.parametrize("case", [MATMUL, CONVOLUTION], ids=["matmul", "convolution"])
def test_every_plan_computes_the_same(case: tuple, constants: list[int]) -> None:
    with contraction_of(case, constants) as contraction:
        plans = contraction_plan.space(contraction, host(), 400)
    for i in np.random.default_rng(2).choice(len(plans), 6, replace=False):
        parameters = plans[i].parameters()
        check(*case, constants=constants, parameters=parameters, tolerance=1e-4)


@pytest.mark.parametrize(
    "change, reason",
    [({"height": 90}, "tile of 90 rows"), ({"vectors": 7, "height": 6}, "42 sums in 16 registers"),
     ({"a": "lost"}, "A lost"), ({"rows": [3, 1]}, "no part of the loops"),
     ({"columns": [0, 20]}, "within a panel"), ({"depth": None}, "TypeError")],
    ids=str,
)  # fmt: skip
def test_parameters_that_do_not_fit_are_refused(change: dict, reason: str) -> None:
    target = find_target(cpu="x86-64-v3")
    with contraction_of(MATMUL, [1]) as contraction:
        plan = contraction_plan.make(contraction, target)
        assert plan is not None
        with pytest.raises(InvalidParameters, match=f"must fit the kernel's loops.*{reason}"):
            contraction_plan.from_parameters(contraction, target, plan.parameters() | change)


def test_the_family_offers_its_plans() -> None:
    with program(MATMUL[0], *MATMUL[1:]) as made:
        module = prepared(made, [1])
        offered = contraction_space(module, host(), 20)
        assert offered[0] == {}
        assert len(offered) == 20
    with program(lambda x: ty.relu(x), (5, 7)) as made:
        assert contraction_space(prepared(made), host(), 20) == []


def test_tiles_follow_the_rest_of_the_columns() -> None:
    def tile(columns: int) -> tuple[int, int]:
        case = (lambda a, b: ty.matmul(a, b), (300, 96), (96, columns))
        with contraction_of(case, [1]) as contraction:
            plan = contraction_plan.make(contraction, find_target(cpu="x86-64-v3"))
            assert plan is not None
            return plan.height, plan.vectors

    assert tile(24) == (4, 3)
    assert tile(128) == (6, 2)
    assert tile(8) == (12, 1)


@pytest.mark.parametrize("order", [{"panels_inner": True}, {"panels_inner": False}], ids=str)
@pytest.mark.parametrize("across", [True, False])
def test_orders_and_rows_of_images(order: dict, across: bool) -> None:
    def body(x, w, b):
        y = ty.conv(x, w, b, layout="NXC", **PLAIN)
        return ty.tanh(y), ty.relu(y)

    case = (body, (2, 5, 9, 7), (37, 7, 3, 3), (37,))
    for constants in ([1, 2], []):
        with contraction_of(case, constants) as contraction:
            plan = contraction_plan.make(contraction, host())
            assert plan is not None
            parameters = plan.parameters() | order | {"across": across}
        check(*case, constants=constants, parameters=parameters)


def test_contiguous_rows_are_one_loop() -> None:
    def rows(stride: int, kernel: int, pad: int) -> int:
        given = {"strides": [stride] * 2, "padding": [pad] * 4, "dilations": [1, 1]}
        case = (
            lambda x, w: ty.conv(x, w, None, layout="NXC", **given),
            (2, 8, 8, 5), (9, 5, kernel, kernel),
        )  # fmt: skip
        with contraction_of(case, [1]) as contraction:
            return len(contraction.rows)

    assert rows(1, 1, 0) == 1
    assert rows(2, 1, 0) == 3
    assert rows(1, 3, 1) == 3


@pytest.mark.parametrize("turned", [True, False], ids=["logits", "gradient"])
def test_very_long_loops_have_a_plan(turned: bool) -> None:
    def body(a, b):
        return ty.matmul(a, b, transpose_a=not turned, transpose_b=turned)

    shapes = ((256, 768), (30522, 768)) if turned else ((256, 30522), (256, 768))
    with contraction_of((body, *shapes), []) as contraction:
        plan = contraction_plan.make(contraction, host())
        assert plan is not None and plan.height * plan.vectors >= 12
