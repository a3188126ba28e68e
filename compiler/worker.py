"""A process that compiles kernels for another: jobs on standard input, results on standard output.

A crash inside of MLIR or LLVM then costs this process, not the user's. Messages are pickles with an
eight-byte length before them; nothing else is written to the pipe.
"""

from __future__ import annotations

import os
import pickle
import struct
import sys
import traceback
from typing import IO, Any

from tyc.runtime.errors import TycError


def send(pipe: IO[bytes], message: Any) -> None:
    """Writes one message."""
    data = pickle.dumps(message)
    pipe.write(struct.pack("<Q", len(data)) + data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Any:
    """Reads one message; raises `EOFError` where the other side is gone."""
    head = pipe.read(8)
    if len(head) < 8:
        raise EOFError
    (size,) = struct.unpack("<Q", head)
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)


def serve() -> None:
    """Answers jobs ("compile", source, target, options) and ("examine", source, target, options,
    limit) by ("ok", kernel or facts) or ("error", message, details)."""
    from tyc.compiler import kernels

    rules = {"compile": kernels.compile_kernel, "examine": kernels.examine_kernel}

    # MLIR and LLVM print to file descriptor 1; the pipe keeps a private copy of it.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            what, *job = receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            send(answers, ("ok", rules[what](*job)))
        except TycError as error:
            send(answers, ("error", str(error), traceback.format_exc()))
        except Exception as error:
            # Whatever a compilation raises is reported to the parent, which names the node.
            text = f"{type(error).__name__}: {error}"
            send(answers, ("error", text, traceback.format_exc()))


if __name__ == "__main__":
    serve()
