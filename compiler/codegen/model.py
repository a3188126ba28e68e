"""The library's own code: its description, its exported functions, and the main function.

Main is straight-line: for each step of the plan it writes the addresses of the step's buffers
(input, output, weights + constant, workspace + constant) into a table on the stack and runs the
kernel's task, by the executor where the work is worth a split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tyc.compiler.codegen import debug
from tyc.compiler.codegen.initialize import Initial, emit_initialize
from tyc.compiler.codegen.native import task_symbol
from tyc.compiler.kernels import CompiledKernel
from tyc.compiler.planning.plan import Plan, offset_in_root
from tyc.compiler.schedules import cost
from tyc.compiler.targets import Target
from tyc.dialects.types import TensorType
from tyc.runtime import abi


@dataclass(frozen=True)
class ModelSource:
    """Everything that the model's own object says."""

    name: str
    inputs: Sequence[tuple[str, TensorType]]
    outputs: Sequence[tuple[str, TensorType]]
    plan: Plan
    kernels: Mapping[str, CompiledKernel]
    weight_offsets: Sequence[int]
    weights_bytes: int
    external_weights: bool
    target: Target
    manifest: str
    manifest_file: str = "manifest.json"
    """The name of the file whose lines the steps have in debug information."""
    step_lines: Sequence[int] = ()
    symbol: str = ""
    """The symbol of the description, of a library with several versions."""
    workspace_bytes: int = 0
    """What `NAME_workspace_bytes` says, where that is more than this version needs."""
    initial: Sequence[Initial] = ()

    @property
    def workspace(self) -> int:
        """Bytes that a caller gives."""
        return max(self.plan.arena_bytes, self.workspace_bytes)


def is_parallel(kernel: CompiledKernel, target: Target) -> bool:
    """True where a kernel's loop is long enough to be split."""
    time = cost.alone(max(kernel.flops, kernel.cost), kernel.bytes, target)
    return cost.pays_to_split(time, kernel.count, target)


def exports(name: str, external_weights: bool, state: bool = False) -> list[str]:
    """The symbols of a model's library."""
    stems = ["run", "call", "workspace_bytes", "manifest", "status_message", "executor_create",
             "executor_destroy", "profile"]  # fmt: skip
    if state:
        stems.append("initialize")
    if external_weights:
        stems += ["weights_map", "weights_unmap"]
    return [f"{name}_{s}" for s in stems]


def emit_model(source: ModelSource) -> str:
    """LLVM IR text of the model's object: the description and the functions of one version, and,
    where it is the only one, the exported functions."""
    parts = [_declarations(source.target), *_tasks(source), *_strings(source), *_signature(source)]
    steps = _debug(source)
    parts += [_model(source), _DISPATCH, _main(source, steps), _main(source, steps, timed=True)]
    if not source.symbol:
        parts.append(_thunks(source, []))
        parts.append(_initialize(source))
    parts.append(steps.text())
    return "\n".join(parts)


def _initialize(source: ModelSource) -> str:
    external = len(source.inputs) if source.external_weights else None
    return emit_initialize(source.name, source.initial, external) if source.initial else ""


def emit_thunks(sources: Sequence[ModelSource]) -> str:
    """LLVM IR text of the exported functions of a library with several versions of one model."""
    first = sources[0]
    symbols = [source.symbol for source in sources]
    lines = [f"@{s} = external hidden constant i8" for s in symbols]
    table = ", ".join(f"ptr @{s}" for s in symbols)
    lines.append(f"@versions = internal constant [{len(symbols)} x ptr] [{table}]")
    thunks = _thunks(first, symbols)
    lines += _weights_symbol(first)
    return "\n".join([_declarations(first.target), *lines, thunks, _initialize(first)])


_DECLARATIONS = """\
%tensor_type = type { ptr, ptr, i32, i32 }
%description_type = type { i32, i32, i32, i32, ptr, ptr, ptr, ptr, i64, i64, ptr, ptr, i64, \
ptr, ptr }
declare hidden i32 @tyc_model_run(ptr, ptr, ptr, ptr, ptr)
declare hidden i32 @tyc_model_profile(ptr, ptr, ptr, ptr, ptr, ptr)
declare hidden ptr @tyc_model_fitting(ptr, SIZE)
declare hidden void @tyc_clock(ptr)
declare hidden i32 @tyc_model_call(ptr, ptr, SIZE, ptr, SIZE, ptr, SIZE, ptr)
declare hidden ptr @tyc_model_status_message(ptr, i32)
declare hidden i32 @tyc_executor_create(i32, ptr)
declare hidden void @tyc_executor_destroy(ptr)
declare hidden i32 @tyc_weights_map(ptr, ptr, ptr)
declare hidden void @tyc_weights_unmap(ptr, SIZE)
"""


def _declarations(target: Target) -> str:
    return _sized(_DECLARATIONS, target)


def _sized(text: str, target: Target) -> str:
    """Text with the type of C's `size_t` where it says SIZE."""
    return text.replace("SIZE", f"i{target.pointer_bits}")


_DISPATCH = """\
define internal void @dispatch(ptr %executor, ptr %task, ptr %buffers, i64 %count) noinline {
  %none = icmp eq ptr %executor, null
  br i1 %none, label %alone, label %shared
alone:
  call void %task(ptr %buffers, i64 0, i64 %count, i32 0)
  ret void
shared:
  %field = getelementptr i8, ptr %executor, i64 8
  %parallel_for = load ptr, ptr %field
  call void %parallel_for(ptr %executor, ptr %task, ptr %buffers, i64 %count)
  ret void
}
"""


def _tasks(source: ModelSource) -> list[str]:
    names = dict.fromkeys(step.kernel for step in source.plan.steps)
    lines = [f"declare hidden void @{task_symbol(n)}(ptr, i64, i64, i32)" for n in names]
    return lines + _weights_symbol(source)


def _weights_symbol(source: ModelSource) -> list[str]:
    inside = source.weights_bytes and not source.external_weights
    return ["@tyc_weights = external hidden constant i8"] if inside else []


def _string(symbol: str, text: str) -> str:
    data = text.encode() + b"\0"
    body = debug.quoted(data)
    return f'@{symbol} = internal unnamed_addr constant [{len(data)} x i8] c"{body}"'


def _strings(source: ModelSource) -> list[str]:
    missing = ", ".join(source.target.features) or "nothing"
    message = f"this library needs a CPU with {missing}, which this one lacks in part"
    return [
        _string("text_name", source.name),
        _string("text_manifest", source.manifest),
        _string("text_features", message),
    ]


def _signature(source: ModelSource) -> list[str]:
    lines = []
    for which, tensors in (("inputs", source.inputs), ("outputs", source.outputs)):
        rows = []
        for i, (name, kind) in enumerate(tensors):
            stem = f"{which}_{i}"
            lines.append(_string(f"{stem}_name", name))
            shape = "null"
            if kind.rank:
                sizes = ", ".join(f"i64 {s}" for s in kind.shape)
                shape = f"@{stem}_shape"
                lines.append(f"{shape} = internal constant [{kind.rank} x i64] [{sizes}]")
            code = abi.DTYPE_CODES[kind.dtype.name]
            rows.append(
                f"%tensor_type {{ ptr @{stem}_name, ptr {shape}, i32 {code}, i32 {kind.rank} }}"
            )
        table = f"[{len(rows)} x %tensor_type] [{', '.join(rows)}]"
        lines.append(f"@table_{which} = internal constant {table}")
    return lines


def _model(source: ModelSource) -> str:
    embedded = bool(source.weights_bytes) and not source.external_weights
    flags = abi.EXTERNAL_WEIGHTS if source.external_weights else 0
    bits = sum(1 << abi.FEATURE_BITS[f] for f in source.target.features)
    fields = [
        f"i32 {abi.ABI_VERSION}", f"i32 {len(source.inputs)}", f"i32 {len(source.outputs)}",
        f"i32 {flags}", "ptr @text_name", "ptr @text_manifest", "ptr @table_inputs",
        "ptr @table_outputs", f"i64 {source.workspace}", f"i64 {bits}",
        "ptr @text_features", "ptr @tyc_weights" if embedded else "ptr null",
        f"i64 {source.weights_bytes}", "ptr @model_main", "ptr @model_timed_main",
    ]  # fmt: skip
    linkage = f"@{source.symbol} = hidden" if source.symbol else "@description = internal"
    return f"{linkage} constant %description_type {{ {', '.join(fields)} }}"


def _debug(source: ModelSource) -> debug.Steps:
    steps = source.plan.steps
    lines = source.step_lines or range(1, len(steps) + 1)
    # Never the kernel's own name: a breakpoint on it would stop at the call as well.
    names = [s.origin or f"step {i}" for i, s in enumerate(steps)]
    return debug.Steps(source.manifest_file, lines, names)


def _main(source: ModelSource, steps: debug.Steps, timed: bool = False) -> str:
    """The main function; the timed one asks the clock before the first step and after each."""
    plan = source.plan
    widest = max((len(s.inputs) + len(s.outputs) for s in plan.steps), default=1)
    name, times = ("model_timed_main", ", ptr %times") if timed else ("model_main", "")
    here, marks = steps.main(name)
    lines = [
        f"define internal void @{name}(ptr %inputs, ptr %outputs, ptr %workspace, "
        f"ptr %executor, ptr %weights{times}){here} {{",
        f"  %buffers = alloca [{max(widest, 1)} x ptr], align 64",
    ]
    for place, values in (("input", source.inputs), ("output", source.outputs)):
        for i in range(len(values)):
            lines.append(f"  %{place}_at{i} = getelementptr ptr, ptr %{place}s, i64 {i}")
            lines.append(f"  %{place}{i} = load ptr, ptr %{place}_at{i}")
    if timed:
        lines.append("  call void @tyc_clock(ptr %times)")
    for number, (step, mark) in enumerate(zip(plan.steps, marks)):
        kernel = source.kernels[step.kernel]
        for slot, b in enumerate((*step.inputs, *step.outputs)):
            lines += _store_address(source, b, f"s{number}_{slot}", slot)
        task = f"@{task_symbol(step.kernel)}"
        if is_parallel(kernel, source.target):
            lines.append(
                f"  call void @dispatch(ptr %executor, ptr {task}, ptr %buffers, "
                f"i64 {kernel.count}){mark}"
            )
        else:
            arguments = f"ptr %buffers, i64 0, i64 {kernel.count}, i32 0"
            lines.append(f"  call void {task}({arguments}){mark}")
        if timed:
            lines.append(f"  %time{number} = getelementptr i64, ptr %times, i64 {number + 1}")
            lines.append(f"  call void @tyc_clock(ptr %time{number})")
    return "\n".join([*lines, "  ret void", "}"])


def _store_address(source: ModelSource, number: int, name: str, slot: int) -> list[str]:
    buffer, start = source.plan.buffers[number], offset_in_root(source.plan, number)
    lines = [f"  %{name}_slot = getelementptr ptr, ptr %buffers, i64 {slot}"]
    if buffer.place in ("input", "output"):
        address = f"%{buffer.place}{buffer.index}"
        if start:
            lines.append(f"  %{name} = getelementptr i8, ptr {address}, i64 {start}")
            address = f"%{name}"
    else:
        weight = buffer.place == "weight"
        base = "%weights" if weight else "%workspace"
        offset = source.weight_offsets[buffer.index] if weight else buffer.index
        address = f"%{name}"
        lines.append(f"  {address} = getelementptr i8, ptr {base}, i64 {offset}")
    return [*lines, f"  store ptr {address}, ptr %{name}_slot"]


_THUNKS = """\
define i32 @NAME_run(ptr %i, ptr %o, ptr %w, ptr %e) {
CHOOSE  %s = tail call i32 @tyc_model_run(ptr %model, ptr %i, ptr %o, ptr %w, ptr %e)
  ret i32 %s
}
define i32 @NAME_call(ptr %i, SIZE %n, ptr %o, SIZE %m, ptr %w, SIZE %b, ptr %e) {
CHOOSE  %s = call i32 @tyc_model_call(ptr %model, ptr %i, SIZE %n, ptr %o, SIZE %m, ptr %w, \
SIZE %b, ptr %e)
  ret i32 %s
}
define i32 @NAME_profile(ptr %i, ptr %o, ptr %w, ptr %e, ptr %t) {
CHOOSE  %s = tail call i32 @tyc_model_profile(ptr %model, ptr %i, ptr %o, ptr %w, ptr %e, ptr %t)
  ret i32 %s
}
define SIZE @NAME_workspace_bytes() {
  ret SIZE WORKSPACE
}
define ptr @NAME_manifest() {
CHOOSE  %field = getelementptr %description_type, ptr %model, i64 0, i32 5
  %t = load ptr, ptr %field
  ret ptr %t
}
define ptr @NAME_status_message(i32 %s) {
CHOOSE  %t = tail call ptr @tyc_model_status_message(ptr %model, i32 %s)
  ret ptr %t
}
define i32 @NAME_executor_create(i32 %n, ptr %e) {
  %s = tail call i32 @tyc_executor_create(i32 %n, ptr %e)
  ret i32 %s
}
define void @NAME_executor_destroy(ptr %e) {
  tail call void @tyc_executor_destroy(ptr %e)
  ret void
}
"""

_WEIGHTS_THUNKS = """\
define i32 @NAME_weights_map(ptr %p, ptr %d, ptr %b) {
  %s = tail call i32 @tyc_weights_map(ptr %p, ptr %d, ptr %b)
  ret i32 %s
}
define void @NAME_weights_unmap(ptr %d, SIZE %b) {
  tail call void @tyc_weights_unmap(ptr %d, SIZE %b)
  ret void
}
"""


def _thunks(source: ModelSource, versions: Sequence[str]) -> str:
    """The exported functions, on the version that fits the CPU where there are several."""
    text = _THUNKS + (_WEIGHTS_THUNKS if source.external_weights else "")
    choose = f"  %model = call ptr @tyc_model_fitting(ptr @versions, SIZE {len(versions)})\n"
    text = text.replace("CHOOSE", choose if versions else "")
    text = text if versions else text.replace("ptr %model", "ptr @description")
    text = _sized(text, source.target).replace("WORKSPACE", str(source.workspace))
    return text.replace("NAME", source.name)
