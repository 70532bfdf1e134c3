"""What a record is: one frozen class for each kind of file, with a version, read strictly.

A record's values have their types, or the record is damaged, as one is whose checksum does not
agree. What it says beyond its class is passed over, so that a version that has dropped a value
reads those from before. It is otherwise with a record of a newer version: what this one would make
of it, or put in its place, might be wrong, and so it is refused. Versions: 1 were records without
one; 2 are these. A value that the version before may lack has a default, and its class says so.

In the file stands what is not None, after the version, in the order of the class.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, PlainValidator, Strict, ValidationError

from orchestrator.store.files.contract import Files, RefusedError
from orchestrator.store.records.sealed import opened, sealed, set_aside

Plain = dict[str, Any]
"""Settings as values of JSON, such as those of a trial: whoever needs them reads them by the class
of these settings, which has versions of its own."""

Several = Strict(False)
"""Mark of a tuple, which is a list in JSON."""


def _escaped(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a text, got {value!r}")
    return value.encode(errors="backslashreplace").decode()


Text = Annotated[str, PlainValidator(_escaped)]
"""A text in which what is no Unicode, as a file's name in an error's message may be, stands as its
escape: neither tables nor a terminal take it otherwise."""


class NewerRecordError(RefusedError):
    """A record is of a newer version than this project's."""


class Part(BaseModel):
    """A part of a record: frozen, its values of their types."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Record(Part):
    """A record of one kind. `read` and `peek` return None where there is none or it is damaged.

    All may raise what the files raise; `read` and `peek` raise `NewerRecordError` as well.
    """

    VERSION: ClassVar[int] = 2

    @classmethod
    def read(cls, files: Files, name: str) -> Self | None:
        """Read a record; a damaged one is set aside."""
        data = files.read(name)
        if data is None:
            return None
        record = cls.of(data, f"{files.url}/{name}")
        if record is None:
            set_aside(files, name, "its checksum does not agree, or it is no record of its kind")
        return record

    @classmethod
    def peek(cls, files: Files, name: str) -> Self | None:
        """Read a record, and leave a damaged one in its place."""
        data = files.read(name)
        return None if data is None else cls.of(data, f"{files.url}/{name}")

    @classmethod
    def of(cls, data: bytes, where: str) -> Self | None:
        """Read a record from the content of the file at `where`; None where it is damaged."""
        plain = opened(data)
        if plain is None:
            return None
        version = plain.pop("version", 1)
        if type(version) is not int:
            return None
        if version > cls.VERSION:
            raise NewerRecordError(
                f"{where} must be of a version that this one can read, got {version}, and this one "
                f"reads up to {cls.VERSION}: update the project, or give another storage"
            )
        try:
            return cls.model_validate(plain)
        except ValidationError:
            return None

    def write(self, files: Files, name: str) -> None:
        """Write the record in place of any other of its name."""
        files.write(name, self.sealed())

    def create(self, files: Files, name: str) -> bool:
        """Write the record if there is none of its name, and return whether this call did."""
        return files.create(name, self.sealed())

    def sealed(self) -> bytes:
        """Return the content of the record's file."""
        return sealed({"version": self.VERSION} | self.model_dump(exclude_none=True))
