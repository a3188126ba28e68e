"""The typed C header of a library: the runtime's types and one struct a side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tyc.compiler.planning.memory import reserved
from tyc.dialects.types import DType, TensorType
from tyc.runtime import native

_C_TYPES = {
    "f32": "float", "f64": "double", "f16": "uint16_t", "bf16": "uint16_t", "i1": "uint8_t",
    "i8": "int8_t", "i16": "int16_t", "i32": "int32_t", "i64": "int64_t",
    "u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "u64": "uint64_t",
}  # fmt: skip
_C_AND_CPP = (
    "auto break case char const continue default do double else enum extern float for goto if "
    "inline int long register restrict return short signed sizeof static struct switch typedef "
    "union unsigned void volatile while class new delete this template namespace operator"
)
_KEYWORDS = frozenset(_C_AND_CPP.split())


def c_type(d: DType) -> str:
    """The C type of an element; f16 and bf16 are their bits."""
    return _C_TYPES[d.name]


def identifier(text: str) -> str:
    """`text` as a C identifier."""
    name = re.sub(r"\W", "_", text, flags=re.ASCII) or "_"
    if name[0].isdigit():
        name = f"_{name}"
    return f"{name}_" if name in _KEYWORDS else name


def identifiers(names: Sequence[str]) -> list[str]:
    """C identifiers of several names, made different by numbers where they clash."""
    found: list[str] = []
    for name in names:
        base = unique = identifier(name)
        number = 1
        while unique in found:
            number += 1
            unique = f"{base}_{number}"
        found.append(unique)
    return found


@dataclass(frozen=True)
class Changes:
    """Names of the inputs that a run updates, and of those that `NAME_initialize` sets."""

    updated: frozenset[str] = frozenset()
    state: frozenset[str] = frozenset()

    def note(self, name: str) -> str:
        """What the header says of an input."""
        words = ["updated"] if name in self.updated else []
        return ", ".join(["", *words, *(["set by initialize"] if name in self.state else [])])


def _struct(
    name: str,
    side: str,
    tensors: Sequence[tuple[str, TensorType]],
    external: bool,
    changes: Changes,
) -> list[str]:
    written = changes.updated | changes.state
    rows = []
    for field, (original, kind) in zip(identifiers([n for n, _ in tensors]), tensors):
        sizes = ",".join(map(str, kind.shape))
        label = f" {original}" if original != field else ""
        const = "const " if side == "inputs" and original not in written else ""
        label += changes.note(original) if side == "inputs" else ""
        rows.append(f"    {const}{c_type(kind.dtype)} *{field}; /* {kind.dtype}[{sizes}]{label} */")
    if side == "inputs" and external:
        rows.append(f"    const void *weights; /* from {name}_weights_map */")
    if not rows:
        rows.append("    const void *unused;")
    return ["typedef struct {", *[r.replace("*/ */", "*/") for r in rows], f"}} {name}_{side};"]


def emit_header(
    name: str,
    inputs: Sequence[tuple[str, TensorType]],
    outputs: Sequence[tuple[str, TensorType]],
    external: bool,
    steps: int,
    changes: Changes = Changes(),
) -> str:
    """The text of `NAME.h`; it needs no other file of ours."""
    types = native.public_header()
    guard = f"TYC_MODEL_{name.upper()}_H"
    lines = [f"/* {name}.h: made by tyc; the C interface of {name}.so. */"]
    lines += [f"#ifndef {guard}", f"#define {guard}", "", types]
    lines += ["#ifdef __cplusplus", 'extern "C" {', "#endif", ""]
    lines += [*_struct(name, "inputs", inputs, external, changes), ""]
    lines += [*_struct(name, "outputs", outputs, external, changes), ""]
    lines += [_FUNCTIONS.replace("NAME", name).replace("STEPS", str(steps))]
    if changes.state:
        lines += [_INITIALIZE.replace("NAME", name), *_placed(name, inputs, changes.state)]
    if external:
        lines += [_WEIGHTS.replace("NAME", name)]
    lines += ["#ifdef __cplusplus", "}", "#endif", f"#endif /* {guard} */", ""]
    return "\n".join(lines)


def _placed(
    name: str, inputs: Sequence[tuple[str, TensorType]], state: frozenset[str]
) -> list[str]:
    """Functions of the header alone, which put all of the state into one block."""
    rows, at = [], 0
    for field, (original, kind) in zip(identifiers([n for n, _ in inputs]), inputs):
        if original in state:
            rows.append(f"    inputs->{field} = ({c_type(kind.dtype)} *)((char *)block + {at});")
            at += reserved(kind.nbytes)
    return [
        _STATE_BYTES.replace("NAME", name),
        f"static inline size_t {name}_state_bytes(void) {{ return {at}; }}",
        _PLACE_STATE.replace("NAME", name),
        f"static inline void {name}_place_state({name}_inputs *inputs, void *block) {{",
        *rows, "}", "",
    ]  # fmt: skip


_STATE_BYTES = "/* Bytes of all tensors that NAME_initialize sets, in one block. */"
_PLACE_STATE = (
    "/* Points these inputs into a block, whose address is a multiple of TYC_ALIGNMENT. */"
)
_FUNCTIONS = """\
/* Bytes of the workspace, which the caller owns; its address is a multiple of TYC_ALIGNMENT. */
size_t NAME_workspace_bytes(void);
/* Runs the model. A null executor runs it on the calling thread. */
tyc_status NAME_run(const NAME_inputs *inputs, const NAME_outputs *outputs, void *workspace,
                    const tyc_executor *executor);
/* The same, after comparing every tensor and the workspace with the model's. */
tyc_status NAME_call(const tyc_tensor *inputs, size_t num_inputs, const tyc_tensor *outputs,
                     size_t num_outputs, void *workspace, size_t workspace_bytes,
                     const tyc_executor *executor);
/* Signature, target and memory plan as JSON. */
const char *NAME_manifest(void);
/* What a status means. */
const char *NAME_status_message(tyc_status status);
/* A pool of `threads` threads; 0 takes TYC_NUM_THREADS, else all CPUs. Models may share it. */
tyc_status NAME_executor_create(int32_t threads, tyc_executor **executor);
void NAME_executor_destroy(tyc_executor *executor);
/* As NAME_run; writes STEPS + 1 times in nanoseconds: before the first of the manifest's steps,
 * and after each one. */
tyc_status NAME_profile(const NAME_inputs *inputs, const NAME_outputs *outputs, void *workspace,
                        const tyc_executor *executor, int64_t *times);
"""
_INITIALIZE = """\
/* Writes the initial values of the state into its tensors; leaves the others alone. */
tyc_status NAME_initialize(const NAME_inputs *inputs);
"""
_WEIGHTS = """\
/* Maps the weights file that was written beside the library. */
tyc_status NAME_weights_map(const char *path, const void **data, size_t *bytes);
void NAME_weights_unmap(const void *data, size_t bytes);
"""
