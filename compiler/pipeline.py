"""The line from a program to a library, as one list of stages.

import    the frontend's program, in `ty`
simplify  canonical, constants folded, batch norm in its convolution, layouts chosen
expand    composites that fusion cannot use whole, in their parts
fuse      ops in kernels; equal kernels are one function
kernels   each kernel: ty -> linalg -> scf and vector on buffers -> LLVM -> object
plan      order, reuse and offsets of the buffers
library   main function, weights, runtime: linked, with header and manifest
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlir import ir

from tyc.compiler import artifact, cache, pool
from tyc.compiler.codegen.header import identifier
from tyc.compiler.kernels import CompiledKernel, KernelSource, schedule_kernel
from tyc.compiler.options import Options
from tyc.compiler.planning.budget import AUTO, Budget
from tyc.compiler.planning.plan import Plan
from tyc.compiler.targets import Target, host
from tyc.compiler.transforms.expand_composites import expand_composites
from tyc.compiler.transforms.fuse import fuse
from tyc.compiler.transforms.outline import unfuse
from tyc.compiler.transforms.pack_filters import mark_filters, pack_filters
from tyc.compiler.transforms.place_parts import copy_parts, place_parts
from tyc.compiler.transforms.plan_memory import (
    Weight,
    check_budget,
    materialize_outputs,
    plan_memory,
    separate_updates,
)
from tyc.compiler.transforms.simplify import simplify
from tyc.compiler.transforms.split_batch import split_batch
from tyc.compiler.transforms.split_reductions import split_reductions
from tyc.compiler.transforms.strip import strip
from tyc.compiler.transforms.strip_sums import cut_region, find_region
from tyc.compiler.tuning.database import Database, read_all
from tyc.dialects.locations import origin
from tyc.dialects.program import Program
from tyc.runtime.errors import InternalError, TycError

PROGRAM_STAGES: tuple[tuple[str, Callable[[Program, Options, Target], None]], ...] = (
    ("simplify", simplify),
    ("expand", lambda program, options, target: _expand(program, options, target)),
    # After expansion: a view that an expansion ends in can be a result of main as well.
    ("outputs", lambda program, options, target: materialize_outputs(program)),
    ("fuse", lambda program, options, target: _fuse(program, options)),
)
"""The stages that rewrite the program, in order."""

STAGES = ("import", *(name for name, _ in PROGRAM_STAGES), "kernels", "plan", "library")
"""All stages by name, as `--emit` and `--from` take them."""

_MOST_STRIPS = 100

Observer = Callable[[str, Program], None]
Progress = Callable[[str, int, int], None]


def _fuse(program: Program, options: Options) -> None:
    fuse(program, options.level > 0)
    if options.level > 0:
        split_batch(program, options)
    if options.level > 0 and (options.memory_budget is None or not _may_strip(program, options)):
        place_parts(program)


def _may_strip(program: Program, options: Options) -> bool:
    """Whether chains may run strip by strip under a budget, which needs rows that are pieces of
    memory. Not in exact mode nor in training steps, whose bits no budget changes: a strip's shape
    may get another schedule, and that other bits."""
    return not options.exact and not program.updates


def _expand(program: Program, options: Options, target: Target) -> None:
    expand_composites(program)
    # Expansions bring constants and views that fold or cancel with their surroundings.
    simplify(program, options, target)
    expand_composites(program)
    # Last: what is canonical is one reduction.
    split_reductions(program, options)


@dataclass
class Compilation:
    """One program on its way: what is known after each stage. `unfit` are kernels whose tuned
    choice this compiler cannot follow."""

    program: Program
    target: Target
    options: Options
    observer: Observer | None = None
    progress: Progress | None = None
    tuned: Database | None = None
    unfit: list[str] = field(default_factory=list)
    kernels: dict[str, CompiledKernel] = field(default_factory=dict)
    plan: Plan = field(default_factory=Plan)
    weights: list[Weight] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str):
        """Adds the time of a block to a stage."""
        start = time.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start

    def run_program_stages(self, start: str = "import", stop: str | None = None) -> None:
        """Rewrites the program by the stages after `start`, up to and with `stop`."""
        first = STAGES.index(start)
        with self.program.module.context, ir.Location.unknown():
            for name, stage in PROGRAM_STAGES:
                if STAGES.index(name) <= first:
                    continue
                with self.timed(name), internal_errors(self.program, name):
                    stage(self.program, self.options, self.target)
                    self.program.module.operation.verify()
                if self.observer is not None:
                    self.observer(name, self.program)
                if name == stop:
                    return

    def compile_kernels(self) -> None:
        """Compiles every kernel of the fused program; a fused one that fails is taken apart."""
        with self.timed("kernels"):
            with self.program.module.context:
                mark_filters(self.program)
            failures = self._compile(self.kernel_sources())
            if failures:
                with self.program.module.context, ir.Location.unknown():
                    names = copy_parts(self.program, [f.source.name for f in failures])
                    unfuse(self.program, names)
                failures = self._compile(self.kernel_sources())
            if failures:
                raise kernel_error(failures[0])

    def kernel_sources(self) -> list[KernelSource]:
        """The kernels, with the tuned choices that are known."""
        sources = kernel_sources(self.program)
        return (
            sources if self.tuned is None else self.tuned.chosen(sources, self.target, self.options)
        )

    def _compile(self, sources: Sequence[KernelSource]) -> list[pool.KernelFailure]:
        report = self.progress

        def step(done: int, total: int) -> None:
            if report is not None:
                report("kernels", done, total)

        # A name has a digest of the text in it: what is made stays.
        missing = [s for s in sources if s.name not in self.kernels]
        made, failures = pool.compile_all(missing, self.target, self.options, step)
        made |= self.kernels
        self.kernels = {s.name: made[s.name] for s in sources if s.name in made}
        if any(f.source.choice for f in failures):
            # A choice is no promise: what another compiler could do may be too much for this one.
            again = [replace(f.source, choice=None) for f in failures]
            made, failures = pool.compile_all(again, self.target, self.options)
            self.kernels |= made
        chosen = [s.name for s in sources if s.choice is not None]
        self.unfit = [n for n in chosen if n in self.kernels and not self.kernels[n].tuned]
        return failures

    def schedule_kernels(self) -> None:
        """Kernels without machine code, of which all is known that a plan asks for."""
        with self.timed("kernels"):
            with self.program.module.context:
                mark_filters(self.program)
            sources = self.kernel_sources()
            for i, source in enumerate(sources):
                if self.progress is not None:
                    self.progress("kernels", i, len(sources))
                if source.name not in self.kernels:
                    made = schedule_kernel(source, self.target, self.options)
                    self.kernels[source.name] = made

    def prepare(self, make: Callable[[], None]) -> None:
        """Adds calls that pack filters and that copy new values of inputs; `make` is
        `compile_kernels` or `schedule_kernels`, for what is new."""
        with self.program.module.context, ir.Location.unknown():
            packs = pack_filters(self.program, self.kernels)
        if packs:
            make()
        with self.timed("plan"), self.program.module.context, ir.Location.unknown():
            copies = separate_updates(self.program, self.kernels)
        if copies:
            make()

    def plan_memory(self) -> None:
        """Gives every buffer its place; computes in strips what the budget leaves no room for."""
        self.prepare(self.compile_kernels)
        self._fit(self.options.memory_budget)
        with self.timed("plan"), self.program.module.context:
            budget = self.plan.budget_bytes
            changed = budget is not None and self._strip(budget)
        if changed:
            self.compile_kernels()
            self.prepare(self.compile_kernels)
            with self.timed("plan"), self.program.module.context:
                self._plan(budget)
        placed = set(self.plan.updates.values())
        assert len(placed) == len(self.program.updates), "an update has no place"
        check_budget(self.plan)

    def _fit(self, budget: Budget) -> None:
        """Plans the program; with what is too large for the budget in strips, where it can be."""
        cut: list[Compilation] = []
        if budget not in (None, AUTO) and self.options.level > 0:
            with self.timed("plan"), self.program.module.context:
                self._plan(None)
                free = self.plan.arena_bytes
            budget = int(free * budget) if isinstance(budget, float) else budget
            assert isinstance(budget, int)
            cut = self.in_strips(free, budget)
        for run in cut or [self]:
            self.program = run.program
            if cut:
                self.compile_kernels()
                self.prepare(self.compile_kernels)
            with self.timed("plan"), self.program.module.context:
                self._plan(budget)
            if isinstance(budget, int) and self.plan.arena_bytes <= budget:
                break

    def in_strips(self, free: int, budget: int) -> list[Compilation]:
        """The program with what is too large for a budget in strips, in those that pay first, then
        in the narrowest; `free` is what it needs without a budget. Kernels are to be made."""
        found = []
        with self.program.module.context, ir.Location.unknown():
            region = find_region(self.program, self.kernels)
            counts = () if region is None else region.strips(free, budget)
            for count in counts:
                program = self.program.copy()
                again = find_region(program, self.kernels)
                assert again is not None, "a copy is the same program"
                cut_region(program, again, count)
                found.append(replace(self, program=program, kernels=dict(self.kernels)))
        return found

    def _plan(self, budget: Budget) -> None:
        self.plan, self.weights = plan_memory(self.program, self.kernels, self.target, budget)

    def _strip(self, budget: int) -> bool:
        """Cuts chains of kernels into strips until the plan fits or nothing makes it smaller."""
        if not _may_strip(self.program, self.options) or self.plan.arena_bytes <= budget:
            return False
        rounds, least = 0, (self.plan, self.weights)
        self._plan(None)
        while self.plan.arena_bytes > budget and rounds < _MOST_STRIPS:
            if not strip(self.program, self.plan, budget):
                break
            rounds += 1
            self._plan(None)
        if not rounds:
            self.plan, self.weights = least
        return rounds > 0

    def parts(self) -> artifact.Parts:
        """All that goes into the library."""
        updates = self.program.updates
        return artifact.Parts(
            name=identifier(self.program.name),
            inputs=self.program.inputs,
            outputs=[(n, t) for n, t in self.program.outputs if n not in updates],
            plan=self.plan,
            kernels=self.kernels,
            weights=self.weights,
            parameters=self.program.parameters,
            updated=frozenset(updates.values()),
            state=self.program.state,
            target=self.target,
            options=self.options,
        )

    def write(self, output: Path) -> artifact.Artifact:
        """Links the library and writes the artifact."""
        return write_library([self], output)


def write_library(runs: Sequence[Compilation], output: Path) -> artifact.Artifact:
    """Links one library of compilations of one program, the most demanding target at the front."""
    with runs[0].timed("library"):
        written = artifact.write([run.parts() for run in runs], output)
    for run in runs:
        written.unfit += run.unfit
        for stage, seconds in run.seconds.items():
            written.seconds[stage] = written.seconds.get(stage, 0.0) + seconds
    return written


def compile_program(
    program: Program,
    output: Path | str,
    target: Target | Sequence[Target] | None = None,
    options: Options | None = None,
    observer: Observer | None = None,
    progress: Progress | None = None,
    start: str = "import",
    tuned: Sequence[Path | str] = (),
) -> artifact.Artifact:
    """Compiles a program to the library `output`; the program is rewritten on the way.

    Several targets, the most demanding at the front, make a library with as many versions, which
    runs the first one that fits its CPU. `observer(stage, program)` sees the program after each
    stage, `progress(stage, done, total)` the kernels. `tuned` are files of `tyc tune`. Raises
    `UserError` for an output that cannot be written or choices that cannot be read,
    `InternalError` for a defect.
    """
    path = Path(output)
    artifact.check_output(path)
    targets = [target or host()] if target is None or isinstance(target, Target) else list(target)
    runs = []
    for i, one in enumerate(targets):
        choices = read_all([Path(p) for p in tuned], one)
        own = program if i == len(targets) - 1 else program.copy()
        run = Compilation(own, one, options or Options(), observer, progress, choices)
        run.run_program_stages(start)
        run.compile_kernels()
        run.plan_memory()
        runs.append(run)
    return write_library(runs, path)


def kernel_sources(program: Program) -> list[KernelSource]:
    """The kernels of a fused program, each once, those that are called first at the front."""
    origins: dict[str, str] = {}
    for operation in program.operations():
        if operation.name == "func.call":
            name = ir.FlatSymbolRefAttr(operation.attributes["callee"]).value
            origins.setdefault(name, origin(operation.location))
    functions = {
        ir.StringAttr(op.attributes["sym_name"]).value: op.operation
        for op in program.module.body.operations
        if op.operation.name == "func.func"
    }
    # Of the function alone: its module would be numbered for each of them.
    texts = {n: functions[n].get_asm(use_local_scope=True) for n in origins}
    return [KernelSource(n, texts[n], where) for n, where in origins.items()]


def write_reproducer(stem: str, text: str) -> Path:
    """Keeps the IR at which the compiler failed."""
    path = cache.folder("reproducers") / f"{stem}.mlir"
    path.write_text(text)
    return path


def kernel_error(failure: pool.KernelFailure) -> InternalError:
    """The error of a kernel that does not compile even alone."""
    path = write_reproducer(failure.source.name, f"{failure.source.text}\n// {failure.details}")
    return InternalError(
        f"kernel {failure.source.name} did not compile: {failure.message}",
        node=failure.source.origin,
        hint=f"this is a defect of tyc; the kernel is kept in {path}",
    )


@contextmanager
def internal_errors(program: Program, stage: str):
    """Turns whatever is not one of our errors into an `InternalError` with a reproducer."""
    try:
        yield
    except TycError:
        raise
    except Exception as error:
        path = write_reproducer(f"{program.name}-{stage}", str(program.module))
        raise InternalError(
            f"stage {stage} failed: {type(error).__name__}: {error}",
            node=program.name,
            hint=f"this is a defect of tyc; the program is kept in {path}",
        ) from error
