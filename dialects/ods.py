"""Operation definitions: a class with annotated fields is an op of the `ty` dialect.

    class TransposeOp(Op, name="transpose"):
        x: Operand
        perm: Ints
        y: Result

What is true of an op stands in its class: fields, `infer` (types, and the only verification),
`reference` (NumPy), `gradient` (in ty ops), `scalar` or `expand`, `examples`. This module needs no
MLIR to be imported; `registration.py` turns the classes into IRDL, `building.py` into operations.
An instance of a class is a *view* of one operation: `view.x` is a value, `view.perm` a list.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tyc.dialects.types import DType, TensorType, broadcast_shapes, dtype
from tyc.runtime.errors import UserError

if TYPE_CHECKING:
    from mlir import ir

    Operand = Result = ir.Value
    OptionalOperand = ir.Value | None
    Operands = Results = Sequence[ir.Value]
    Int, Float, Str, Bool = int, float, str, bool
    Ints, Floats, Strs = Sequence[int], Sequence[float], Sequence[str]
    Element, Elements = DType, np.ndarray
else:

    class Operand:
        """One tensor operand."""

    class OptionalOperand:
        """A tensor operand that may be absent (`None`)."""

    class Operands:
        """Any number of tensor operands."""

    class Result:
        """One tensor result."""

    class Results:
        """Any number of tensor results."""

    class Int:
        """An integer attribute (i64)."""

    class Ints:
        """A list of integers (array<i64>)."""

    class Float:
        """A floating-point attribute (f64)."""

    class Floats:
        """A list of floats (array<f64>)."""

    class Str:
        """A string attribute."""

    class Strs:
        """A list of strings."""

    class Bool:
        """A boolean attribute."""

    class Element:
        """An element type attribute."""

    class Elements:
        """A small constant array (dense elements)."""


OPERANDS = ("Operand", "OptionalOperand", "Operands")
RESULTS = ("Result", "Results")
REQUIRED = object()
VARIADIC_LIMIT = 64
"""How many values a variadic operand holds at most. In IRDL all values of one variadic operand must
have one type, so in the IR it is this many optional operands."""

REGISTRY: dict[str, type[Op]] = {}
"""Every op of the dialect by its name without the `ty.` prefix."""


@dataclass(frozen=True)
class Field:
    """One annotated field of an op class: name, kind (`Operand`, `Ints`, ...) and default."""

    name: str
    kind: str
    default: Any = REQUIRED

    @property
    def is_operand(self) -> bool:
        """True for operands of any multiplicity."""
        return self.kind in OPERANDS

    @property
    def is_result(self) -> bool:
        """True for results of any multiplicity."""
        return self.kind in RESULTS

    @property
    def is_attribute(self) -> bool:
        """True for what is neither operand nor result."""
        return not (self.is_operand or self.is_result)


@dataclass(frozen=True)
class Example:
    """One call of an op, with concrete arrays: the source of all of the op's tests.

    `gradient` false leaves it out of finite differences (kinks, ties); `tolerance` replaces the
    element type's own where an op is worse conditioned.
    """

    operands: tuple[Any, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    gradient: bool = True
    tolerance: float | None = None


def example(
    *operands: Any,
    dtype: str = "f32",
    low: Any = -2.0,
    high: Any = 2.0,
    gradient: bool = True,
    tolerance: float | None = None,
    **attributes: Any,
) -> Example:
    """An `Example` whose tuple operands are shapes filled by a fixed rule.

    A tuple is a shape: the array is uniform in [low, high) for floats, integers in [low, high] for
    integers, coin flips for i1. An array stands for itself, a list of these for a variadic operand,
    None for an absent one. Lists `low` and `high` are attributes (of `pad`), not a range.
    """
    if isinstance(low, list):
        attributes, low, high = {**attributes, "low": low, "high": high}, -2.0, 2.0
    rng = np.random.default_rng(len(operands) * 7919 + 17)
    make = _array_maker(rng, dtype, low, high)
    values = tuple([make(o) for o in x] if isinstance(x, list) else make(x) for x in operands)
    return Example(values, attributes, gradient, tolerance)


def _array_maker(
    rng: np.random.Generator, element: str, low: float, high: float
) -> Callable[[Any], np.ndarray | None]:
    d = dtype(element)

    def make(spec: Any) -> np.ndarray | None:
        if spec is None or isinstance(spec, (np.ndarray, np.generic)):
            return None if spec is None else np.asarray(spec)
        if d.kind == "bool":
            return rng.integers(0, 2, spec).astype(bool)
        if d.is_integer:
            start = max(int(low), 0) if d.kind == "uint" else int(low)
            return rng.integers(start, int(high), spec, endpoint=True).astype(d.numpy)
        return rng.uniform(low, high, spec).astype(d.numpy)

    return make


class Op:
    """Base of all ops of the dialect. See the module's docstring for what a subclass says."""

    NAME: ClassVar[str] = ""
    FIELDS: ClassVar[tuple[Field, ...]] = ()
    PLAIN_OPERANDS: ClassVar[bool] = True
    """No operand is optional or variadic."""
    _OPERANDS: ClassVar[tuple[Field, ...]] = ()
    _ATTRIBUTES: ClassVar[tuple[Field, ...]] = ()
    _RESULTS: ClassVar[tuple[Field, ...]] = ()
    infer: ClassVar[Callable[..., Any]]
    reference: ClassVar[Callable[..., Any]]
    gradient: ClassVar[Callable[..., Any] | None] = None
    scalar: ClassVar[Callable[..., Any] | None] = None
    expand: ClassVar[Callable[..., Any] | None] = None
    examples: ClassVar[Sequence[Example]] = ()
    pure: ClassVar[bool] = True

    operation: ir.Operation

    def __init_subclass__(cls, name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = []
        for key, annotation in inspect.get_annotations(cls).items():
            kind = annotation if isinstance(annotation, str) else annotation.__name__
            if "ClassVar" in kind or key == "operation":
                continue
            own.append(Field(key, kind, cls.__dict__.get(key, REQUIRED)))
        inherited = [f for f in cls.FIELDS if f.name not in {o.name for o in own}]
        cls.FIELDS = (*inherited, *own)
        cls._sort_fields()
        if name is not None:
            cls.NAME = name
            REGISTRY[name] = cls

    @classmethod
    def _sort_fields(cls) -> None:
        cls._OPERANDS = tuple(f for f in cls.FIELDS if f.is_operand)
        cls._ATTRIBUTES = tuple(f for f in cls.FIELDS if f.is_attribute)
        cls._RESULTS = tuple(f for f in cls.FIELDS if f.is_result)
        cls.PLAIN_OPERANDS = all(f.kind == "Operand" for f in cls._OPERANDS)

    @classmethod
    def operand_fields(cls) -> tuple[Field, ...]:
        """The operands in order."""
        return cls._OPERANDS

    @classmethod
    def attribute_fields(cls) -> tuple[Field, ...]:
        """The attributes in order."""
        return cls._ATTRIBUTES

    @classmethod
    def result_fields(cls) -> tuple[Field, ...]:
        """The results in order."""
        return cls._RESULTS

    @classmethod
    def error(cls, message: str, hint: str = "") -> UserError:
        """The error for a call that breaks one of the op's rules."""
        return UserError(message, node=f"ty.{cls.NAME}", hint=hint)

    @classmethod
    def bind(cls, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Operands in field order, and the attributes with defaults filled in.

        Raises `UserError` for a missing, doubled or unknown argument.
        """
        fields = [f for f in cls.FIELDS if not f.is_result]
        if len(args) > len(fields):
            raise cls.error(f"takes {len(fields)} arguments, got {len(args)}")
        given = dict(zip([f.name for f in fields], args))
        for key, value in kwargs.items():
            if key in given or key not in {f.name for f in fields}:
                rule = "given twice" if key in given else "unknown"
                raise cls.error(f"argument {key!r} is {rule}")
            given[key] = value
        for f in fields:
            if f.name not in given:
                default = None if f.kind == "OptionalOperand" else f.default
                if default is REQUIRED:
                    raise cls.error(f"argument {f.name!r} is missing")
                given[f.name] = default
        operands = [given[f.name] for f in fields if f.is_operand]
        return operands, {f.name: given[f.name] for f in fields if f.is_attribute}


class Elementwise(Op):
    """`y[i] = scalar(x0[i], x1[i], ...)` with NumPy broadcasting of the operands.

    (C1) the shapes broadcast; (C2) all operands have one element type.
    """

    @classmethod
    def result_dtype(cls, *types: TensorType, **attributes: Any) -> DType:
        """The element type of the result: the operands' own unless an op says otherwise."""
        return types[0].dtype

    @classmethod
    def check(cls, *types: TensorType, **attributes: Any) -> None:
        """Raises `UserError` where the operands' element types are not what the op takes."""
        if len({t.dtype for t in types}) > 1:  # C2
            got = ", ".join(map(str, types))
            raise cls.error(f"operands must have one element type, got {got}", "cast one of them")

    @classmethod
    def infer(cls, *types: TensorType, **attributes: Any) -> TensorType:
        """The broadcast shape with `result_dtype`."""
        cls.check(*types, **attributes)
        try:
            shape = broadcast_shapes(*(t.shape for t in types))
        except ValueError:  # C1
            got = ", ".join(map(str, types))
            raise cls.error(f"shapes must broadcast, got {got}") from None
        return TensorType(tuple(shape), cls.result_dtype(*types, **attributes))


class Composite(Op):
    """An op that `expand` writes in other ops; whole as long as a pass can use it whole."""

    @classmethod
    def infer(cls, *types: Any, **attributes: Any) -> Any:
        """The types of the expansion."""
        from tyc.dialects.building import infer_by_expansion

        return infer_by_expansion(cls, types, attributes)
