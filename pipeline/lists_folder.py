"""The folder of lists: a plan, parts that are whole or absent, a line about each, a mark at the end."""

import hashlib
import json
import os
import re
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataset.errors import ArtefactError, ConfigurationError, ResourceError
from pipeline.artefacts import sha256, write_json, write_text
from pipeline.locks import held

SUCCESS: Final = "_SUCCESS"
PARTS: Final = "manifest.jsonl"
PLAN: Final = "plan.json"
CERTIFICATE: Final = "certificate.json"
LOCK: Final = ".lock"
_PART: Final = re.compile(r"part-(\d{5,})\.parquet")
_OURS: Final = re.compile(
    rf"\.?({_PART.pattern}|manifest\.jsonl|plan\.json|certificate\.json|_SUCCESS)(\.[0-9a-f]{{32}})?|\.lock"
)
_CHOICE: Final = "Take another out, or resume=false to begin anew."


@dataclass(frozen=True)
class Part:
    """A line of the manifest: what a part is, and what is in it.

    Parameters
    ----------
    name : str
    sha256 : str
    rows : int
    users : int
        Lists, empty ones too.
    short_lists : int
        Lists with fewer than n items.
    filled_up : int
        Rows that no source nominated.
    """

    name: str
    sha256: str
    rows: int
    users: int
    short_lists: int
    filled_up: int

    @classmethod
    def read(cls, line: str) -> "Part | None":
        """The part that a line tells of; None if it was torn."""
        try:
            facts = json.loads(line)
            part = cls(**facts)
        except (ValueError, TypeError):
            return None
        told = all(type(getattr(part, field.name)) is field.type for field in fields(cls))
        return part if told else None

    @property
    def line(self) -> str:
        """What stands in the manifest."""
        return json.dumps(asdict(self)) + "\n"


@dataclass(frozen=True)
class ListsFolder:
    """A folder that `recommend` fills part by part, and goes on filling where it was cut short.

    Files appear whole under their names, each after what it vouches for: the plan, a part, its line in
    the manifest, the certificate, `_SUCCESS`. So a process may end anywhere.

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
            If it cannot be made.
        """
        strangers = path.is_dir() and any(not _OURS.fullmatch(entry.name) for entry in path.iterdir())
        if (path.exists() and not path.is_dir()) or strangers:
            raise ConfigurationError(f"out must be new, empty or a folder of lists. Got {path}.")
        with _written(path):
            path.mkdir(parents=True, exist_ok=True)
        return cls(path)

    @contextmanager
    def locked(self) -> Iterator["ListsFolder"]:
        """The folder, for this process alone.

        Raises
        ------
        ResourceError
            If another process is at it, or the folder cannot be written.
        """
        with held(self.path / LOCK):
            yield self

    def kept(self, plan: Mapping[str, Any]) -> dict[int, Part]:
        """Parts that were written by the same plan and are what their lines say, by number.

        Parameters
        ----------
        plan : mapping
            All that the lists depend on, as JSON, and `parts`, their number.

        Raises
        ------
        ConfigurationError
            If the lists are of another plan, naming the first setting that differs.
        ArtefactError
            If the plan in the folder cannot be read.
        """
        if not (self.path / PLAN).exists():
            if any(_PART.fullmatch(entry.name) or entry.name == SUCCESS for entry in self.path.iterdir()):
                raise ConfigurationError(
                    f"out must be new, or hold a {PLAN} beside its lists. Got {self.path} without. {_CHOICE}"
                )
            return {}
        self._check(plan)
        parts = {}
        lines = (self.path / PARTS).read_bytes() if (self.path / PARTS).exists() else b""
        for line in lines.decode("utf-8", "replace").splitlines():
            part = Part.read(line)
            number = _number(part.name) if part else None
            if part and number is not None and number < plan["parts"] and self._is_whole(part):
                parts[number] = part
        return dict(sorted(parts.items()))

    def _check(self, plan: Mapping[str, Any]) -> None:
        try:
            there = json.loads((self.path / PLAN).read_text(encoding="utf-8"))
            if not isinstance(there, dict):
                raise ValueError("no mapping")
        except (OSError, ValueError) as error:
            raise ArtefactError(f"{self.path / PLAN} cannot be read: {error}. {_CHOICE}") from error
        if difference := _difference(there, plan):
            raise ConfigurationError(
                f"out must hold lists of the same plan. Got {self.path}, where {difference}. {_CHOICE}"
            )

    def _is_whole(self, part: Part) -> bool:
        path = self.path / part.name
        return path.is_file() and sha256(path) == part.sha256

    def begin(self, plan: Mapping[str, Any], kept: Mapping[int, Part]) -> None:
        """Take away all but the parts to keep; the mark first, so that nobody reads a mixture."""
        stay = {LOCK, PLAN, PARTS, *(part.name for part in kept.values())}
        with _written(self.path):
            (self.path / SUCCESS).unlink(missing_ok=True)
            # From here on, nothing vouches for parts of an older plan.
            write_text(self.path / PARTS, "".join(part.line for part in kept.values()))
            self._sync()
            for entry in self.path.iterdir():
                if entry.name not in stay:
                    entry.unlink()
            write_json(self.path / PLAN, plan)

    def add(self, number: int, table: pa.Table, counts: Mapping[str, int]) -> Part:
        """Write a part under another name, then move it to its own and note it in the manifest.

        Parameters
        ----------
        number : int
        table : pyarrow.Table
        counts : mapping of str to int
            The other fields of its `Part`.
        """
        name = f"part-{number:05d}.parquet"
        temporary = self.path / f".{name}.{uuid.uuid4().hex}"
        with _written(self.path):
            try:
                # Without Arrow's own schema, other readers and pandas see strings and not categories.
                pq.write_table(table, temporary, compression="zstd", store_schema=False)
                with temporary.open("rb+") as file:
                    os.fsync(file.fileno())
                part = Part(name, sha256(temporary), len(table), **counts)
                temporary.replace(self.path / name)
            finally:
                temporary.unlink(missing_ok=True)
            with (self.path / PARTS).open("a", encoding="utf-8") as file:
                file.write(part.line)
                file.flush()
                os.fsync(file.fileno())
        return part

    def read(self, part: Part) -> pa.Table:
        """The rows of a part, read back; its ids as dictionaries.

        Raises
        ------
        ArtefactError
            If the file is not what its line says; it is not opened.
        """
        path = self.path / part.name
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != part.sha256:
            raise ArtefactError(
                f"{path} is not what {PARTS} says; it was cut or changed. The same command makes it again."
            )
        return pq.read_table(pa.BufferReader(content), read_dictionary=["user", "item"])

    def certify(self, certificate: Mapping[str, Any]) -> None:
        """Put the certificate beside the parts."""
        with _written(self.path):
            write_json(self.path / CERTIFICATE, certificate)

    def finish(self, parts: Mapping[int, Part], facts: Mapping[str, Any]) -> None:
        """Put the lines in the order of the parts, and mark the lists as complete."""
        lines = "".join(parts[number].line for number in sorted(parts))
        with _written(self.path):
            write_text(self.path / PARTS, lines)
            self._sync()
            write_text(self.path / SUCCESS, self._mark(facts))
            self._sync()

    def is_finished(self, facts: Mapping[str, Any]) -> bool:
        """Whether the lists are marked as complete with just these facts, and certified."""
        mark, certificate = self.path / SUCCESS, self.path / CERTIFICATE
        return mark.is_file() and certificate.is_file() and mark.read_bytes() == self._mark(facts).encode()

    def _mark(self, facts: Mapping[str, Any]) -> str:
        whole = {**facts, "certificate": sha256(self.path / CERTIFICATE)}
        return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"

    def _sync(self) -> None:
        """Bring names to the disk in the order in which they appear here, should the power fail."""
        handle = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def totals(parts: Collection[Part]) -> dict[str, int]:
    """Sums over parts, and their number."""
    names = ("users", "rows", "short_lists", "filled_up")
    sums = {name: sum(getattr(part, name) for part in parts) for name in names}
    return {"users": sums["users"], "rows": sums["rows"], "parts": len(parts), **sums}


def _difference(was: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """The first setting that differs, in words; None if none does."""
    for name in (*now, *was):
        old, new = was.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            if inner := _difference(old, new):
                return f"{name}.{inner}"
        elif old != new:
            return f"{name} was {str(old)[:40]} and now is {str(new)[:40]}"
    return None


def _number(name: str) -> int | None:
    """The number of a part by its file name; None if it is no such name."""
    found = _PART.fullmatch(name)
    number = int(found[1]) if found else -1
    return number if name == f"part-{number:05d}.parquet" else None


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ResourceError(f"{path} must be a folder that can be written. Got: {reason}.") from error
