"""The folder of lists: parts that are whole or absent, a line about each, and a mark when all are there."""

import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataset.errors import ConfigurationError, ResourceError
from pipeline.artefacts import sha256, write_text

SUCCESS: Final = "_SUCCESS"
PARTS: Final = "manifest.jsonl"
_OURS: Final = re.compile(r"\.?(part-\d{5,}\.parquet|manifest\.jsonl|_SUCCESS)(\.[0-9a-f]{32})?")


@dataclass(frozen=True)
class ListsFolder:
    """A folder that `recommend` fills part by part.

    Parameters
    ----------
    path : Path
    """

    path: Path

    @classmethod
    def at(cls, path: Path) -> "ListsFolder":
        """The folder, made if need be; what lies in it is left alone.

        Raises
        ------
        ConfigurationError
            If the path is a file, or a folder that holds anything else.
        ResourceError
            If it cannot be written.
        """
        strangers = path.is_dir() and any(not _OURS.fullmatch(entry.name) for entry in path.iterdir())
        if (path.exists() and not path.is_dir()) or strangers:
            raise ConfigurationError(f"out must be new, empty or a folder of lists. Got {path}.")
        with _written(path):
            path.mkdir(parents=True, exist_ok=True)
            probe = path / f".{SUCCESS}.{uuid.uuid4().hex}"  # a full or read-only disk is told at once
            probe.touch()
            probe.unlink()
        return cls(path)

    def clear(self) -> None:
        """Take older lists away: the mark first, so that nobody reads a mixture."""
        with _written(self.path):
            (self.path / SUCCESS).unlink(missing_ok=True)
            for entry in self.path.iterdir():
                entry.unlink()
            (self.path / PARTS).touch()

    def add(self, number: int, table: pa.Table, users: int) -> None:
        """Write a part under another name, then move it to its own and note it in the manifest."""
        name = f"part-{number:05d}.parquet"
        temporary = self.path / f".{name}.{uuid.uuid4().hex}"
        with _written(self.path):
            try:
                # Without Arrow's own schema, other readers and pandas see strings and not categories.
                pq.write_table(table, temporary, compression="zstd", store_schema=False)
                with temporary.open("rb+") as file:
                    os.fsync(file.fileno())
                facts = {"name": name, "sha256": sha256(temporary), "rows": len(table), "users": users}
                temporary.replace(self.path / name)
            finally:
                temporary.unlink(missing_ok=True)
            with (self.path / PARTS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(facts) + "\n")
                file.flush()
                os.fsync(file.fileno())

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Mark the lists as complete."""
        with _written(self.path):
            write_text(self.path / SUCCESS, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ResourceError(f"{path} must be a folder that can be written. Got: {reason}.") from error
