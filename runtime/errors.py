"""The two classes of error of the whole project: the user's fault and ours.

A message reads, in lower case and without a full stop: where, which rule, what it got, what to do.

    conv1: weight must have rank 4, got rank 3; reshape it to [out, in/groups, h, w]
    ^node  ^message                             ^hint
"""

from __future__ import annotations


class TycError(Exception):
    """Base of tyc's errors: where (`node`), rule and value (`message`), what to do (`hint`)."""

    def __init__(self, message: str, *, node: str | None = None, hint: str | None = None) -> None:
        self.message, self.node, self.hint = message, node or "", hint or ""
        super().__init__(message)

    def __str__(self) -> str:
        """The whole message: `node: message; hint`."""
        where = f"{self.node}: " if self.node else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{where}{self.message}{hint}"

    def __reduce__(self) -> tuple:
        """Pickles with node and hint, so that an error survives the way out of a worker process."""
        return _rebuild, (type(self), self.message, self.node, self.hint)


def _rebuild(kind: type[TycError], message: str, node: str, hint: str) -> TycError:
    return kind(message, node=node, hint=hint)


class UserError(TycError):
    """Something that the user can mend."""


class InternalError(TycError):
    """A defect of tyc: worth a report."""
