"""The two classes of error: the user's fault and ours."""

from __future__ import annotations


class TycError(Exception):
    """Base of tyc's errors: where (`node`), which rule and what it got (`message`), what to do (`hint`)."""

    def __init__(self, message: str, *, node: str = "", hint: str = "") -> None:
        self.message, self.node, self.hint = message, node, hint
        super().__init__(message)

    def __str__(self) -> str:
        where = f"{self.node}: " if self.node else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{where}{self.message}{hint}"


class UserError(TycError):
    """Something that the user can mend."""


class InternalError(TycError):
    """A defect of tyc."""
