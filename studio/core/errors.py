"""The one error that a person is meant to read."""

from __future__ import annotations


class StudioError(Exception):
    """Something a person can understand and act on: what failed, and what to do about it.

    Everything else that is raised is a fault of ours and is logged, never shown as it is.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[StudioError], tuple[str, str]]:
        # Exceptions are pickled by their args; the hint has to cross the pipe as well.
        return (type(self), (self.message, self.hint))
