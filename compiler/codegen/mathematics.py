"""Vector mathematics in f32: polynomials in place of library calls.

    %y = math.exp %x : vector<8xf32>   becomes   arith and math.fma ops on vector<8xf32>

Every rule is branch-free and serves scalars and vectors. Coefficients are those of the Cephes
library (exp, log, sin, cos) and of the rational minimax forms that Eigen and XLA use (tanh, erf);
`tests/codegen/test_mathematics.py` states and checks the error of each in ulp. What has no rule
here, and all of f64, goes to libm lane by lane.
"""

from __future__ import annotations

import math as constants
from collections.abc import Callable, Sequence

from mlir import ir
from mlir.dialects import arith, math

from tyc.dialects.scalar import Scalar, absolute, cast, constant, floor, where
from tyc.dialects.types import DType, f32, f64, i32

INFINITY = float("inf")


def _bitcast(x: Scalar, to: DType) -> Scalar:
    element = ir.F32Type.get() if to == f32 else ir.IntegerType.get_signless(to.bits)
    kind = element
    if isinstance(x.value.type, ir.VectorType):
        kind = ir.VectorType.get(ir.VectorType(x.value.type).shape, element)
    return Scalar(arith.bitcast(kind, x.value), to)


def _fma(a: Scalar, b: Scalar | float, c: Scalar | float) -> Scalar:
    b = b if isinstance(b, Scalar) else constant(b, a)
    c = c if isinstance(c, Scalar) else constant(c, a)
    return Scalar(math.fma(a.value, b.value, c.value), a.dtype)


def _polynomial(x: Scalar, coefficients: Sequence[float]) -> Scalar:
    """Horner's rule, the highest power first."""
    y = constant(coefficients[0], x)
    for c in coefficients[1:]:
        y = _fma(y, x, c)
    return y


def _clamp(x: Scalar, low: float, high: float) -> Scalar:
    """`x` within [low, high]; NaN stays NaN (an ordered comparison with it is false)."""
    x = where(x > high, constant(high, x), x)
    return where(x < low, constant(low, x), x)


def _integer(x: Scalar, low: float) -> Scalar:
    """The i32 of a float in its range and not below `low`; `low` for NaN.

    `cast` saturates, which costs five more instructions.
    """
    x = where(x > low, x, constant(low, x))
    kind: ir.Type = ir.IntegerType.get_signless(32)
    if isinstance(x.value.type, ir.VectorType):
        kind = ir.VectorType.get(ir.VectorType(x.value.type).shape, kind)
    return Scalar(arith.fptosi(kind, x.value), i32)


# e**r for |r| <= ln(2)/2, minimax of the relative error (3e-9), fitted for this file.
_EXP = (1.3814467238e-3, 8.3687808365e-3, 4.1668392718e-2, 1.6666519642e-1, 4.9999994040e-1,
        1.0, 1.0)  # fmt: skip

# Added to a float below 2**22, its low bits are the rounded integer, by which exponents move.
_ROUND = 12582912.0


def exp(x: Scalar) -> Scalar:
    """`2**n * e**r` with `|r| <= ln(2)/2`; what is below the normal numbers is 0."""
    t = _fma(x, constants.log2(constants.e), _ROUND)
    n = t - _ROUND
    r = _fma(n, -0.693359375, x)
    y = _scaled(_polynomial(_fma(n, 2.12194440e-4, r), _EXP), t)
    return _bounded(y, x, -87.3365, 88.72283)


def exp2(x: Scalar) -> Scalar:
    """`2**n * e**(f ln(2))` with `|f| <= 1/2`; what is below the normal numbers is 0."""
    t = x + _ROUND
    f = x - (t - _ROUND)
    y = _scaled(_polynomial(f * constants.log(2.0), _EXP), t)
    return _bounded(y, x, -126.0, 127.99999)


def _scaled(y: Scalar, t: Scalar) -> Scalar:
    """`y * 2**n` where the low bits of `t` are `n`: integer arithmetic on y's exponent."""
    return _bitcast(_bitcast(y, i32) + (_bitcast(t, i32) << 23), f32)


def _bounded(y: Scalar, x: Scalar, low: float, high: float) -> Scalar:
    """`y` for `low <= x <= high`, 0 below, infinity above and NaN for NaN."""
    y = where(x < low, constant(0.0, x), y)
    return where(x <= high, y, x + INFINITY)


_EXP2 = (1.5353361960e-4, 1.3398875017e-3, 9.6184369177e-3, 5.5503323674e-2, 2.4022647738e-1,
         6.9314718246e-1, 1.0)  # fmt: skip


def exp_beside_one(x: Scalar) -> Scalar:
    """`2**n * 2**f` with `|f| <= 1/2`, of `x` within [-87, 87]: exp where 1 is added to it, as in a
    sigmoid. There is no subnormal result then, and half the work of `exp`.

    The limits keep `1 / (1 + e**x)` within 2e-38 of the truth.
    """
    x = _clamp(x, -87.0, 87.0)
    shifted = _fma(x, constants.log2(constants.e), _ROUND)
    f = _fma(x, 1.44269502162933, _ROUND - shifted)
    y = _polynomial(_fma(x, 1.92596292256e-8, f), _EXP2)
    return _scaled(y, shifted)


def exp_of_difference(x: Scalar) -> Scalar:
    """`2**n * 2**f` with `|f| <= 1/2`, of `x` not above 0: exp where results are weights beside one
    that is 1, as in a softmax; 0 below -87.

    The error is 2e-7 of the result, and 1.4e-8 of it more for each unit of `x`: what is small in a
    sum that holds 1 need not be known to its last digits.
    """
    shifted = _fma(x, constants.log2(constants.e), _ROUND)
    f = _fma(x, constants.log2(constants.e), _ROUND - shifted)
    y = _polynomial(f, _EXP2)
    y = _scaled(y, shifted)
    return where(x < -87.0, constant(0.0, x), y)


_LOG = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
        -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)  # fmt: skip


def log(x: Scalar) -> Scalar:
    """`e * ln(2) + log(m)` with `sqrt(1/2) <= m < sqrt(2)`."""
    small = x < 1.1754944e-38
    scaled = where(small, x * 8388608.0, x)
    bits = _bitcast(scaled, i32)
    exponent = cast((bits >> 23) - 126, f32)
    exponent = where(small, exponent - 23.0, exponent)
    m = _bitcast((bits & 0x007FFFFF) | 0x3F000000, f32)
    low = m < 0.70710678
    exponent = where(low, exponent - 1.0, exponent)
    m = where(low, m + m, m) - 1.0
    z = m * m
    y = _polynomial(m, _LOG) * m * z
    y = _fma(exponent, -2.12194440e-4, y)
    y = _fma(z, -0.5, y)
    y = _fma(exponent, 0.693359375, m + y)
    y = where(x.equal(INFINITY), x, y)
    y = where(x.equal(0.0), constant(-INFINITY, x), y)
    positive = x >= 0.0
    return where(positive, y, constant(float("nan"), x))


def log1p(x: Scalar) -> Scalar:
    """`log(u) * x / (u - 1)` with `u = 1 + x` rounded: the errors of both cancel (Kahan)."""
    u = x + 1.0
    y = log(u) * (x / (u - 1.0))
    y = where(u.equal(1.0), x, y)
    return where(u.equal(INFINITY), u, y)


def expm1(x: Scalar) -> Scalar:
    """`(u - 1) * x / log(u)` with `u = e**x` rounded (Kahan)."""
    u = exp(x)
    y = (u - 1.0) * (x / log(u))
    y = where(u.equal(1.0), x, y)
    y = where(x < -17.0, constant(-1.0, x), y)
    return where(u.equal(INFINITY), u, y)


_TANH_P = (-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11,
           5.12229709037114e-08, 1.48572235717979e-05, 6.37261928875436e-04,
           4.89352455891786e-03)  # fmt: skip
_TANH_Q = (1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03)


def tanh(x: Scalar) -> Scalar:
    """`x P(x^2) / Q(x^2)`, clamped where f32's result is 1."""
    c = _clamp(x, -7.99881172180175781, 7.99881172180175781)
    z = c * c
    y = (c * _polynomial(z, _TANH_P)) / _polynomial(z, _TANH_Q)
    return where(absolute(x) < 0.0004, x, y)


_ERF_P = (0.00022905065861350646, 0.0034082910107109506, 0.050955695062380861,
          0.18520832239976145, 1.128379143519084)  # fmt: skip
_ERF_Q = (-1.1791602954361697e-7, 0.000023547966471313185, 0.0010179625278914885,
          0.014070470171167667, 0.11098505178285362, 0.49746925110067538, 1.0)  # fmt: skip


def erf(x: Scalar) -> Scalar:
    """`x P(x^2) / Q(x^2)`, clamped where f32's result is 1."""
    c = _clamp(x, -3.832506856900711, 3.832506856900711)
    z = c * c
    return (c * _polynomial(z, _ERF_P)) / _polynomial(z, _ERF_Q)


_SIN = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COS = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)


def _sine(x: Scalar, quarter: int) -> Scalar:
    """`sin(x + quarter * pi/2)`: reduced to [-pi/4, pi/4] in f64, so that large arguments hold."""
    wide = cast(x, f64)
    n = floor(wide * (2 / constants.pi) + 0.5)
    r = cast(wide - n * 1.5707963267948966 - n * 6.123233995736766e-17, f32)
    # cast of NaN or of a huge value is undefined; such lanes are NaN by r, or beyond all accuracy.
    q = _integer(_clamp(n, -1e9, 1e9), -1e9) + quarter
    z = r * r
    sine = _fma(_polynomial(z, _SIN) * z, r, r)
    cosine = _fma(_polynomial(z, _COS), z * z, _fma(z, -0.5, 1.0))
    y = where((q & 1).equal(0), sine, cosine)
    return where((q & 2).equal(0), y, -y)


def sin(x: Scalar) -> Scalar:
    """`sin(x)`."""
    return _sine(x, 0)


def cos(x: Scalar) -> Scalar:
    """`sin(x + pi/2)`."""
    return _sine(x, 1)


RULES: dict[str, Callable[[Scalar], Scalar]] = {
    "math.exp": exp,
    "math.exp2": exp2,
    "math.expm1": expm1,
    "math.log": log,
    "math.log2": lambda x: log(x) * (1 / constants.log(2.0)),
    "math.log10": lambda x: log(x) * (1 / constants.log(10.0)),
    "math.log1p": log1p,
    "math.tanh": tanh,
    "math.erf": erf,
    "math.sin": sin,
    "math.cos": cos,
}


def approximate(module: ir.Module) -> None:
    """Replaces every f32 operation that has a rule, scalar or vector."""
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        operation = op.operation
        if operation.name in RULES and _is_f32(operation.results[0].type):
            found.append(operation)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for operation in found:
        rule = exp_beside_one if _is_beside_one(operation) else RULES[operation.name]
        with ir.InsertionPoint(operation), operation.location:
            result = rule(Scalar(operation.operands[0], f32))
        operation.results[0].replace_all_uses_with(result.value)
        operation.erase()


def _is_beside_one(operation: ir.Operation) -> bool:
    """True for an exponential that is read by sums with 1 only."""
    readers = [use.owner.operation for use in operation.results[0].uses]
    return operation.name == "math.exp" and all(
        r.name == "arith.addf" and any(_is_one(v) for v in r.operands) for r in readers
    )


def _is_one(value: ir.Value) -> bool:
    """True for a scalar 1, or a vector of them."""
    op = None if isinstance(value.owner, ir.Block) else value.owner.operation
    if op is not None and op.name == "vector.broadcast":
        return _is_one(op.operands[0])
    if op is None or op.name != "arith.constant":
        return False
    attribute = op.attributes["value"]
    if isinstance(attribute, ir.DenseElementsAttr):
        attribute = attribute.get_splat_value() if attribute.is_splat else attribute
    return isinstance(attribute, ir.FloatAttr) and ir.FloatAttr(attribute).value == 1.0


def _is_f32(kind: ir.Type) -> bool:
    if isinstance(kind, ir.VectorType):
        kind = ir.VectorType(kind).element_type
    return isinstance(kind, ir.F32Type)
