"""The IR of any stage as text: of the whole program, or of each kernel on its way to machine code.

import simplify expand outputs fuse     the program in `ty`
linalg scheduled llvm asm               each kernel, one after another
kernels plan                            facts of the kernels and the memory plan, as JSON
"""

from __future__ import annotations

import json
from collections.abc import Callable

from mlir import ir

from tyc.compiler import kernels, pipeline
from tyc.compiler.codegen import native
from tyc.compiler.kernels import KernelSource
from tyc.compiler.lowering.kernel import lower_to_linalg
from tyc.compiler.lowering.registry import LOOPS, WHOLE
from tyc.compiler.options import Options
from tyc.compiler.pipeline import Compilation
from tyc.compiler.targets import Target
from tyc.compiler.transforms.expand_composites import expand_kernel
from tyc.tools.textual import text_of

KERNEL_STAGES = ("linalg", "scheduled", "llvm", "asm")
PROGRAM_STAGES = ("import", *(name for name, _ in pipeline.PROGRAM_STAGES))
EMITTED = (*PROGRAM_STAGES, *KERNEL_STAGES, "kernels", "plan")


def emit(run: Compilation, stage: str, start: str) -> str:
    """The text of a stage; the program has the stage `start` behind it."""
    if stage in PROGRAM_STAGES:
        if stage != start:
            run.run_program_stages(start, stage)
        return text_of(run.program, stage)
    run.run_program_stages(start)
    if stage in KERNEL_STAGES:
        return _kernels_text(run, stage)
    run.compile_kernels()
    if stage == "kernels":
        facts = [{k: v for k, v in vars(kernel).items() if k != "code"}
                 for kernel in run.kernels.values()]  # fmt: skip
        return json.dumps(facts, indent=1) + "\n"
    run.plan_memory()
    return json.dumps(run.plan.to_json(), indent=1) + "\n"


def _kernels_text(run: Compilation, stage: str) -> str:
    comment = {"llvm": ";", "asm": "#"}.get(stage, "//")
    parts = []
    with run.program.module.context, ir.Location.unknown():
        for source in run.kernel_sources():
            body = _KERNEL_TEXT[stage](source, run.target, run.options)
            parts.append(f"{comment} kernel {source.name}: {source.origin}\n{body.rstrip()}\n")
    return "\n".join(parts)


def linalg_text(text: str, target: Target, options: Options) -> str:
    """A kernel's text in linalg on tensors; its own text where it is lowered to loops at once."""
    module = ir.Module.parse(text)
    function = module.body.operations[0].operation
    expand_kernel(function)
    names = [o.operation.name.removeprefix("ty.") for o in function.regions[0].blocks[0].operations]
    if any(n in LOOPS or n in WHOLE for n in names):
        return str(module)
    return str(lower_to_linalg(function))


def _scheduled_text(source: KernelSource, target: Target, options: Options) -> str:
    return str(kernels.schedule_text(source.text, target, options, source.choice).module)


def _llvm_text(source: KernelSource, target: Target, options: Options) -> str:
    return native.to_llvm_ir(kernels.schedule_text(source.text, target, options, source.choice))


def _asm_text(source: KernelSource, target: Target, options: Options) -> str:
    module = native.optimized(_llvm_text(source, target, options), target, options.level)
    return native.machine(target, options.level).emit_assembly(module)


_KERNEL_TEXT: dict[str, Callable[[KernelSource, Target, Options], str]] = {
    "linalg": lambda source, target, options: linalg_text(source.text, target, options),
    "scheduled": _scheduled_text,
    "llvm": _llvm_text,
    "asm": _asm_text,
}
