"""The error of each approximated function, in units in the last place, over its whole range."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mlir import ir

from tyc.compiler.codegen import jit, mathematics
from tyc.compiler.schedules.kernel import ScheduledKernel
from tyc.dialects.scalar import Scalar
from tyc.dialects.types import f32

COUNT = 65536
ROWS = [  # function, reference in f64, range, bound in ulp
    ("exp", np.exp, (-87.3, 88.7), 1.5),
    ("exp2", np.exp2, (-125.9, 127.9), 1.5),
    ("expm1", np.expm1, (-20.0, 88.0), 3),
    ("log", np.log, (1e-38, 100.0), 1.5),
    ("log2", np.log2, (1e-38, 100.0), 3),
    ("log10", np.log10, (1e-38, 100.0), 3),
    ("log1p", np.log1p, (-0.99, 10.0), 4),
    ("tanh", np.tanh, (-12.0, 12.0), 5),
    ("erf", np.vectorize(math.erf), (-5.0, 5.0), 5),
    ("sin", np.sin, (-1e4, 1e4), 2),
    ("cos", np.cos, (-1e4, 1e4), 2),
]

KERNEL = """
func.func @k(%a: memref<{n}xf32>, %o: memref<{n}xf32>, %b: index, %e: index) {{
  %c8 = arith.constant 8 : index
  scf.for %i = %b to %e step %c8 {{
    %x = vector.load %a[%i] : memref<{n}xf32>, vector<8xf32>
    %y = math.{name} %x : vector<8xf32>
    vector.store %y, %o[%i] : memref<{n}xf32>, vector<8xf32>
  }}
  return
}}"""


def apply(name: str, x: np.ndarray) -> np.ndarray:
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(KERNEL.format(n=x.size, name=name))
        scheduled = ScheduledKernel(module, "k", 1, x.size)
        return jit.run(scheduled, [x], [np.empty_like(x)])[0]


@pytest.mark.parametrize("name, reference, span, bound", ROWS, ids=[r[0] for r in ROWS])
def test_error_in_ulp(name, reference, span, bound):
    x = np.linspace(*span, COUNT, dtype=np.float32)
    with np.errstate(all="ignore"):
        want = reference(x.astype(np.float64))
    unit = np.spacing(np.abs(want).astype(np.float32)).astype(np.float64)
    error = np.abs(apply(name, x) - want) / np.maximum(unit, 1.4e-45)
    assert error.max() <= bound


SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-40, 200.0, -200.0], np.float32)


@pytest.mark.parametrize("name", sorted(r[0] for r in ROWS))
def test_special_values(name):
    reference = {r[0]: r[1] for r in ROWS}[name]
    with np.errstate(all="ignore"):
        x = SPECIAL.astype(np.float64)
        want = np.array([math.nan if name == "erf" and v != v else reference(v) for v in x])
        want = want.astype(np.float32)
    np.testing.assert_allclose(apply(name, SPECIAL), want, rtol=1e-6)


def test_every_rule_has_a_bound():
    assert {f"math.{r[0]}" for r in ROWS} == set(mathematics.RULES)


BESIDE_ONE = (
    KERNEL.replace(
        "math.{name} %x : vector<8xf32>",
        """math.exp %x : vector<8xf32>
    %one = arith.constant dense<1.0> : vector<8xf32>
    %z = arith.addf %one, %e1 : vector<8xf32>""",
    )
    .replace("%y = math.exp", "%e1 = math.exp")
    .replace("store %y", "store %z")
)


def one_plus_exp(x: np.ndarray) -> np.ndarray:
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(BESIDE_ONE.format(n=x.size))
        return jit.run(ScheduledKernel(module, "k", 1, x.size), [x], [np.empty_like(x)])[0]


def test_one_plus_exponential_within_two_ulp():
    x = np.linspace(-100.0, 87.0, COUNT, dtype=np.float32)
    want = 1 + np.exp(x.astype(np.float64))
    error = np.abs(one_plus_exp(x) - want) / np.spacing(want.astype(np.float32))
    assert error.max() <= 2


def test_one_plus_exponential_stays_finite():
    """Its reciprocal, a sigmoid, is then off by 2e-38 at most; NaN stays NaN."""
    got = one_plus_exp(np.array([np.nan, np.inf, 88.0, 1000.0, -np.inf, 0, 0, 0], np.float32))
    assert np.isnan(got[0])
    assert (1 / got[1:4] < 2e-38).all()
    assert got[4:6].tolist() == [1.0, 2.0]


def weights_of(x: np.ndarray) -> np.ndarray:
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.operation.name == "math.exp":
            found.append(op.operation)
        return ir.WalkResult.ADVANCE

    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(KERNEL.format(n=x.size, name="exp"))
        module.operation.walk(visit)
        with ir.InsertionPoint(found[0]):
            y = mathematics.exp_of_difference(Scalar(found[0].operands[0], f32))
        found[0].results[0].replace_all_uses_with(y.value)
        found[0].erase()
        return jit.run(ScheduledKernel(module, "k", 1, x.size), [x], [np.empty_like(x)])[0]


def test_exponential_of_a_difference():
    """Relative error of 2e-7, and 1.4e-8 a unit; 0 below -87."""
    x = np.linspace(-87.0, 0.0, COUNT, dtype=np.float32)
    want = np.exp(x.astype(np.float64))
    assert (np.abs(weights_of(x) / want - 1) <= 2e-7 - 1.4e-8 * x).all()
    got = weights_of(np.array([np.nan, -np.inf, -88.0, -3e38, 0, 0, 0, 0], np.float32))
    assert np.isnan(got[0])
    assert got[1:].tolist() == [0, 0, 0, 1, 1, 1, 1]
