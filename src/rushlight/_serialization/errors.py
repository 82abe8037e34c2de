"""The one exception of the file readers."""

from __future__ import annotations

from _pickle import UnpicklingError
from typing import Any


class LoadError(RuntimeError, UnpicklingError):
    """A file was refused.

    Attributes:
        file: name of the file as it was given, or ``"<stream>"``.
        record: the part of the file that is wrong (a zip entry, a tensor name), or None.
        reason: what is wrong with it.
    """

    head = "load"

    def __init__(self, reason: str, file: Any = None, record: str | None = None) -> None:
        # parts of the file may be quoted in the reason
        self.reason = reason if len(reason) <= 400 else reason[:397] + "..."
        self.file = file
        self.record = record
        super().__init__(self.reason)

    def located(self, file: Any = None, record: str | None = None) -> LoadError:
        """Fill in the place where the caller knows it; what is already known stays."""
        if self.file is None:
            self.file = file
        if self.record is None:
            self.record = record
        return self

    def __str__(self) -> str:
        place = self.head
        if self.file is not None:
            place += f": {str(self.file)!r}"
        if self.record is not None:
            place += f", record {self.record!r}"
        return f"{place}: {self.reason}"

    def __reduce__(self) -> Any:
        return (type(self), (self.reason, self.file and str(self.file), self.record))


class NotDataError(LoadError):
    """The file names a class or function that the closed grammar does not contain."""

    head = "Weights only load failed"
