"""A scheduled kernel becomes an object: MLIR to LLVM IR, LLVM -O3, machine code, in process."""

from __future__ import annotations

import ctypes
import importlib.util
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import llvmlite.binding as llvm
from mlir import ir
from mlir.passmanager import PassManager

from tyc.compiler.codegen import debug, mathematics
from tyc.compiler.targets import Target
from tyc.runtime.errors import InternalError

if TYPE_CHECKING:
    from tyc.compiler.schedules.kernel import ScheduledKernel

# Small floats compute in f32 (LLVM has no such registers here and would call into a runtime
# library), before math is approximated, so that the approximations see f32 only. No canonicalize:
# it makes one conversion from integers to small floats of two.
_WIDEN = (
    "func.func(math-extend-to-supported-types{target-type=f32},"
    "arith-emulate-unsupported-floats{source-types=bf16,f16 target-type=f32},cse)"
)
_TO_LLVM = (
    "func.func(arith-expand{include-bf16=true},convert-vector-to-scf{full-unroll=true},"
    "loop-invariant-code-motion,canonicalize,cse),convert-scf-to-cf,"
    "expand-strided-metadata,lower-affine,"
    "convert-math-to-llvm{approximate-log1p=false},convert-math-to-libm,convert-vector-to-llvm,"
    "finalize-memref-to-llvm,convert-func-to-llvm{use-bare-ptr-memref-call-conv=true},"
    "convert-arith-to-llvm,convert-cf-to-llvm,convert-index-to-llvm,convert-ub-to-llvm,"
    "reconcile-unrealized-casts,canonicalize,cse"
)


def task_symbol(kernel: str) -> str:
    """The symbol of a kernel's task: `void task(void *const *buffers, i64 begin, i64 end, i32)`."""
    return f"{kernel}_task"


def emit_object(scheduled: ScheduledKernel, target: Target, level: int = 3) -> bytes:
    """The relocatable object of a kernel, with its task as the only visible symbol.

    Destroys the scheduled module. Raises `InternalError` with MLIR's or LLVM's words.
    """
    text = to_llvm_ir(scheduled)
    return compile_llvm_ir(text, target, level)


def to_llvm_ir(scheduled: ScheduledKernel) -> str:
    """The LLVM IR text of a kernel and of its task; destroys the scheduled module."""
    module = scheduled.module
    try:
        with module.context:
            PassManager.parse(f"builtin.module({_WIDEN})").run(module.operation)
            mathematics.approximate(module)
            PassManager.parse(f"builtin.module({_TO_LLVM})").run(module.operation)
    except ir.MLIRError as error:
        raise InternalError(f"lowering to LLVM failed: {error}", node=scheduled.name) from error
    aliased = {i for pair in scheduled.in_place for i in _positions(scheduled, pair)}
    return _with_task(_translate(module), scheduled.name, aliased)


def _positions(scheduled: ScheduledKernel, pair: tuple[int, int]) -> tuple[int, int]:
    return pair[0], scheduled.num_inputs + pair[1]


@lru_cache(maxsize=1)
def _capi() -> ctypes.CDLL:
    spec = importlib.util.find_spec("mlir")
    assert spec is not None and spec.submodule_search_locations
    library = Path(spec.submodule_search_locations[0]) / "_mlir_libs" / "libMLIRPythonCAPI.so"
    capi = ctypes.CDLL(str(library))
    capi.mlirTranslateModuleToLLVMIRToString.restype = ctypes.c_void_p
    capi.mlirTranslateModuleToLLVMIRToString.argtypes = [ctypes.c_void_p]
    return capi


def _libc_free(address: int) -> None:
    libc = ctypes.CDLL(None)
    libc.free.argtypes = [ctypes.c_void_p]
    libc.free(address)


def _translate(module: ir.Module) -> str:
    """LLVM IR text of a module in the LLVM dialect (the Python bindings lack this call)."""
    _require_llvm(module)
    get_name, get = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    capsule = module.operation._CAPIPtr
    address = _capi().mlirTranslateModuleToLLVMIRToString(get(capsule, get_name(capsule)))
    text = ctypes.string_at(address).decode()
    _libc_free(address)
    return _bits_of_bf16(text)


def _bits_of_bf16(text: str) -> str:
    """LLVM IR with bf16 as i16: it is only moved by now, and LLVM would move vectors by f32."""
    text = re.sub(r"\b0xR([0-9A-F]{4})\b", lambda m: str(int(m[1], 16)), text)
    return re.sub(r"\b(v\d+)bf16\b", r"\1i16", text).replace("bfloat", "i16")


def _require_llvm(module: ir.Module) -> None:
    """Raises `InternalError` for an op that the translation, which would crash, does not know."""

    def visit(op: ir.Operation) -> ir.WalkResult:
        name = op.operation.name
        if not name.startswith("llvm.") and name != "builtin.module":
            raise InternalError(f"{name} was not lowered to LLVM, got {op.operation}"[:400])
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)


_DEFINE = r"define void @{name}\(([^)]*)\)"


def _with_task(text: str, name: str, aliased: set[int]) -> str:
    """Makes the kernel internal, its buffers `noalias` where no sharing is allowed, and adds the
    task that unpacks the buffers' addresses."""
    found = re.search(_DEFINE.format(name=re.escape(name)), text)
    if found is None:
        raise InternalError("the kernel's function is missing in the LLVM IR", node=name)
    parameters = [p.split()[0] for p in found.group(1).split(",")]
    declared = ", ".join(
        f"{p} {'noalias ' if p == 'ptr' and i not in aliased else ''}%{i}"
        for i, p in enumerate(parameters)
    )
    head = f"define internal void @{name}({declared})"
    text = text[: found.start()] + head + text[found.end() :]
    buffers = len(parameters) - 2
    here, call, metadata = debug.kernel(name)
    lines = [f"define void @{task_symbol(name)}(ptr %c, i64 %b, i64 %e, i32 %w) {here} {{"]
    for i in range(buffers):
        lines.append(f"  %a{i} = getelementptr ptr, ptr %c, i64 {i}")
        lines.append(f"  %p{i} = load ptr, ptr %a{i}")
    arguments = [f"ptr %p{i}" for i in range(buffers)] + ["i64 %b", "i64 %e"]
    # What is inlined at a call has its line: the kernel's own function has no other.
    lines += [f"  call void @{name}({', '.join(arguments)}), {call}", f"  ret void, {call}", "}"]
    return text + "\n".join(lines) + f"\n{metadata}"


@lru_cache(maxsize=8)
def machine(target: Target, level: int) -> llvm.TargetMachine:
    """LLVM's machine for a target."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    found = llvm.Target.from_triple(target.triple)
    return found.create_target_machine(
        cpu=target.cpu, features=target.feature_string, opt=level, reloc="pic", codemodel="small"
    )


def compile_llvm_ir(text: str, target: Target, level: int = 3) -> bytes:
    """The object of LLVM IR text, optimised for the target."""
    return machine(target, level).emit_object(optimized(text, target, level))


def optimized(text: str, target: Target, level: int = 3) -> llvm.ModuleRef:
    """The module of LLVM IR text, optimised for the target.

    Raises `InternalError` with LLVM's words.
    """
    tm = machine(target, level)
    text = f'target triple = "{target.triple}"\n{text}'
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise InternalError(f"LLVM refused its input: {error}") from error
    module.data_layout = str(tm.target_data)
    tuning = llvm.create_pipeline_tuning_options(speed_level=level)
    tuning.loop_unrolling = False
    tuning.loop_vectorization = level >= 2
    # Schedules emit vectors themselves: packing scalars finds nothing, at a tenth of the time.
    tuning.slp_vectorization = False
    builder = llvm.create_pass_builder(tm, tuning)
    builder.getModulePassManager().run(module, builder)
    return module
