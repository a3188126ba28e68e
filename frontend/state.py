"""What this thread is doing: recording a program, rounding as written, watching ops by tapes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tyc.budget import checkpointing
    from tyc.recording import Recorder
    from tyc.tape import Tape


class _State(threading.local):
    recorder: Recorder | None = None
    exact: bool = False
    tapes: tuple[Tape, ...] = ()
    checkpointing: checkpointing | None = None


STATE = _State()
"""The trace of this thread, if one is being recorded; whether its ops are exact; the tapes that are
open, the outermost first; the budget of what they keep."""
