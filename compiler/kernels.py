"""One kernel, from its text in `ty` to an object: the unit of caching and of parallel work."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from tyc.compiler import cache
from tyc.compiler.options import Options
from tyc.compiler.schedules.choice import Choice, InvalidParameters
from tyc.compiler.targets import Target


@dataclass(frozen=True)
class KernelSource:
    """A kernel's name and its text: a module with one `func.func` in `ty`. `origin` says where it
    came from, for messages only; without a `choice` the cost model makes it."""

    name: str
    text: str
    origin: str = ""
    choice: Choice | None = None


@dataclass
class CompiledKernel:
    """Machine code of a kernel and the facts of its schedule (see `ScheduledKernel`): `schedule`
    names the family, `tuned` is true where a given choice was followed."""

    name: str
    code: bytes
    count: int
    packings: dict[int, dict[str, Any]] = field(default_factory=dict)
    in_place: list[tuple[int, int]] = field(default_factory=list)
    stack_bytes: int = 0
    flops: int = 0
    bytes: int = 0
    cost: int = 0
    schedule: str = ""
    tuned: bool = False

    def to_bytes(self) -> bytes:
        """The kernel for the cache: a line of JSON, then the object."""
        head = {k: v for k, v in self.__dict__.items() if k != "code"}
        return json.dumps(head, sort_keys=True).encode() + b"\n" + self.code

    @staticmethod
    def from_bytes(data: bytes) -> CompiledKernel:
        """The kernel of `to_bytes`; raises `ValueError` for damaged data."""
        head, _, code = data.partition(b"\n")
        facts = json.loads(head)
        if not code.startswith(b"\x7fELF"):
            raise ValueError("no object")
        facts["packings"] = {int(k): v for k, v in facts["packings"].items()}
        facts["in_place"] = [(a, b) for a, b in facts["in_place"]]
        return CompiledKernel(code=code, **facts)


@dataclass(frozen=True)
class KernelFacts:
    """Arguments and results of a kernel as (dtype name, shape in memory), and what its schedule may
    choose, the default first."""

    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    outputs: tuple[tuple[str, tuple[int, ...]], ...]
    choices: tuple[Choice, ...]


def cache_key(source: KernelSource, target: Target, options: Options) -> str:
    """What the kernel's code depends on."""
    choice = source.choice.to_json() if source.choice else None
    return cache.key(source.text, target.key(), options.key(), choice)


def cached(source: KernelSource, target: Target, options: Options) -> CompiledKernel | None:
    """The kernel from the cache, or `None`."""
    data = cache.read("kernels", cache_key(source, target, options))
    if data is None:
        return None
    try:
        return CompiledKernel.from_bytes(data)
    except (ValueError, KeyError, TypeError):
        return None  # a damaged entry is compiled again and replaced


def store(kernel: CompiledKernel, source: KernelSource, target: Target, options: Options) -> None:
    """Puts a kernel into the cache."""
    cache.write("kernels", cache_key(source, target, options), kernel.to_bytes())


@lru_cache(maxsize=1)
def _context() -> Any:
    from tyc.dialects.registration import context

    return context()


def compile_kernel(source: KernelSource, target: Target, options: Options) -> CompiledKernel:
    """Compiles a kernel in this process. Raises `InternalError` where a stage fails."""
    from mlir import ir

    from tyc.compiler.codegen import native

    with _context(), ir.Location.unknown():
        scheduled = schedule_text(source.text, target, options, source.choice)
        code = native.emit_object(scheduled, target, options.level)
    return _compiled(source, scheduled, code)


def schedule_kernel(source: KernelSource, target: Target, options: Options) -> CompiledKernel:
    """The facts of a kernel's schedule, from the cache or found in this process; where they are
    not from the cache, there is no code. Raises `InternalError` where a stage fails."""
    from mlir import ir

    if (known := cached(source, target, options)) is not None:
        return known
    with _context(), ir.Location.unknown():
        return _compiled(source, schedule_text(source.text, target, options, source.choice), b"")


def _compiled(source: KernelSource, scheduled: Any, code: bytes) -> CompiledKernel:
    return CompiledKernel(
        name=scheduled.name,
        code=code,
        count=scheduled.count,
        packings={i: p.to_json() for i, p in scheduled.packings.items()},
        in_place=list(scheduled.in_place),
        stack_bytes=scheduled.stack_bytes,
        flops=scheduled.flops,
        bytes=scheduled.bytes,
        cost=scheduled.cost,
        schedule=scheduled.choice.family,
        tuned=source.choice is not None and scheduled.choice == source.choice,
    )


def schedule_text(text: str, target: Target, options: Options, choice: Choice | None = None) -> Any:
    """The `ScheduledKernel` of a kernel's text, in the current context.

    A choice that does not fit the kernel, made by another compiler, gives way to the default.
    """
    from tyc.compiler.schedules import select
    from tyc.compiler.schedules.work import nominal_flops

    module, opaque = _lowered(text, target, options)
    flops = None if opaque else nominal_flops(module)
    schedule = select.schedule_ty if opaque else select.schedule
    scheduled = None
    if choice is not None:
        try:
            scheduled = schedule(module, target, options, choice)
        except InvalidParameters:
            module, _ = _lowered(text, target, options)
    scheduled = scheduled or schedule(module, target, options)
    scheduled.cost = scheduled.flops
    scheduled.flops = scheduled.flops if flops is None else flops
    return scheduled


def examine_kernel(
    source: KernelSource, target: Target, options: Options, limit: int
) -> KernelFacts:
    """A kernel's arguments and at most `limit` of its choices."""
    from mlir import ir

    from tyc.compiler.schedules import select
    from tyc.compiler.schedules.kernel import memory_shapes
    from tyc.dialects.building import type_of

    with _context(), ir.Location.unknown():
        parsed = ir.Module.parse(source.text)
        block = parsed.body.operations[0].operation.regions[0].blocks[0]
        results = list(block.operations)[-1].operands
        names = [type_of(v).dtype.name for v in (*block.arguments, *results)]
        kinds = list(zip(names, memory_shapes(parsed.body.operations[0].operation)))
        inputs, outputs = kinds[: len(block.arguments)], kinds[len(block.arguments) :]
        module, opaque = _lowered(source.text, target, options)
        space = select.space_ty if opaque else select.space
        return KernelFacts(
            tuple(inputs), tuple(outputs), tuple(space(module, target, options, limit))
        )


def _lowered(text: str, target: Target, options: Options) -> tuple[Any, bool]:
    """The kernel as a schedule takes it, and whether that is `ty`."""
    from mlir import ir

    from tyc.compiler.lowering.kernel import lower_to_linalg
    from tyc.compiler.schedules import select
    from tyc.compiler.transforms.expand_composites import expand_kernel

    module = ir.Module.parse(text)
    function = module.body.operations[0].operation
    expand_kernel(function)
    if select.takes_ty(module, target, options):
        return module, True
    lowered = lower_to_linalg(function)
    lowered.operation.verify()
    return lowered, False
