"""The line of the user's code that called us: where errors point and what ops remember."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from tyc.runtime.errors import UserError

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_MODELS = os.path.join(_PACKAGE, "hub", "models") + os.sep


class Place(NamedTuple):
    """Where a recorded op comes from: a line of Python, and the path of the layer it is in.

    An op of an imported program has a layer alone, the name that it had there.
    """

    path: str
    line: int
    layer: str = ""


def user_line() -> tuple[str, int]:
    """File and line of the innermost frame outside of the package."""
    return _line()


def model_line() -> tuple[str, int]:
    """As `user_line`, where the hub's models count as the user's code."""
    return _line(_MODELS)


def _line(inside: str = "\0") -> tuple[str, int]:
    frame = sys._getframe(2)
    while frame.f_back is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_PACKAGE) or file.startswith(inside):
            break
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def user_place() -> str:
    """The user's line as `model.py:12`, short below the current folder."""
    path, line = user_line()
    here = os.getcwd() + os.sep
    return f"{path[len(here) :] if path.startswith(here) else path}:{line}"


def error(message: str, hint: str = "", node: str = "") -> UserError:
    """A `UserError` that names the user's line first."""
    place = user_place()
    return UserError(message, node=f"{place}: {node}" if node else place, hint=hint)


def located(raised: UserError) -> UserError:
    """The same error with the user's line before its node, unless it has it already."""
    place = user_place()
    if raised.node.startswith(place):
        return raised
    return error(raised.message, raised.hint, raised.node)
