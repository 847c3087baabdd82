"""The folder of prepared tables: complete or refused, for one process at a time."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from dataset.errors import ArtefactError, ConfigurationError, ResourceError
from dataset.storage import ORACLE, PARTS, REPORT
from pipeline.artefacts import MANIFEST, read_manifest, verify, write_json
from pipeline.locks import held
from pipeline.preparation.store import Entry

STAGED: Final = ".staged"
LOCK: Final = ".lock"
_TABLES: Final = ("users.parquet", "items.parquet", PARTS, "quarantine", ORACLE)
_OLDER: Final = (f"{PARTS}.parquet", "quarantine.parquet")  # as they were before events came in parts
_OURS: Final = {*_TABLES, *_OLDER, REPORT, MANIFEST, STAGED, LOCK}
Files: TypeAlias = Mapping[str, tuple[Entry, str]]
"""By path within the folder, the entry that holds the content, and the name of its file."""


@dataclass(frozen=True)
class PreparedFolder:
    """A folder that `prepare` fills, and what it remembers there.

    Parameters
    ----------
    path : Path
    """

    path: Path

    @classmethod
    def at(cls, path: Path) -> "PreparedFolder":
        """The folder, made if need be; what lies in it is left alone.

        Raises
        ------
        ConfigurationError
            If the path is a file, or a folder that holds something other than prepared tables.
        ResourceError
            If it cannot be made.
        """
        names = {entry.name for entry in path.iterdir()} if path.is_dir() else set()
        visible = {name for name in names if not name.startswith(".")}
        complete = {MANIFEST, REPORT} <= names or STAGED in names  # else: tables of somebody else's
        if (
            (path.exists() and not path.is_dir())
            or names - _OURS - _temporary(names)
            or (visible and not complete)
        ):
            raise ConfigurationError(f"out must be new, empty or a folder of prepared tables. Got {path}.")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise  # a file in the way is the user's mistake, and told as such
        except OSError as error:
            raise ResourceError(
                f"{path} must be a folder that can be written. Got: {error.strerror}."
            ) from error
        return cls(path)

    @contextmanager
    def locked(self) -> Iterator["PreparedFolder"]:
        """The folder, for this process alone; `ResourceError` if another is at it."""
        with held(self.path / LOCK):
            yield self

    @property
    def staged(self) -> Path:
        """What is remembered from run to run."""
        return self.path / STAGED

    def is_whole(self) -> bool:
        """Whether the tables are there as their manifest says, every byte of them."""
        try:
            files = read_manifest(self.path)["files"]
            verify(self.path, files)
        except ArtefactError:
            return False
        return set(files) == set(self._there())

    def publish(self, files: Files) -> None:
        """Put the files in place of those that are there; in between, nobody can take them for complete.

        Parameters
        ----------
        files : Files
            `report.json` among them. Those that are there with the same content stay.
        """
        old = self._vouched()
        facts = {name: entry.manifest[inner] for name, (entry, inner) in sorted(files.items())}
        new = {
            name: entry.file(inner) for name, (entry, inner) in files.items() if old.get(name) != facts[name]
        }
        for name in (MANIFEST, REPORT):
            (self.path / name).unlink(missing_ok=True)
        self._sync()
        for name in self._there():
            if name not in files:
                (self.path / name).unlink()
        for name, source in new.items():
            if name != REPORT:
                _put(source, self.path / name)
        self._drop_empty()
        entry, inner = files[REPORT]
        _put(entry.file(inner), self.path / REPORT)
        write_json(self.path / MANIFEST, {"files": facts})
        self._sync()

    def _vouched(self) -> Mapping[str, Any]:
        """What of the folder is as its manifest says."""
        found = {}
        try:
            for name, facts in read_manifest(self.path)["files"].items():
                try:
                    verify(self.path, {name: facts})
                    found[name] = facts
                except ArtefactError:
                    continue
        except ArtefactError:
            return {}
        return found

    def _there(self) -> list[str]:
        """Every file of the folder but the manifest and our own, by path within it."""
        paths = (path for path in self.path.rglob("*") if path.is_file() and path != self.path / MANIFEST)
        names = (path.relative_to(self.path) for path in paths)
        return sorted(name.as_posix() for name in names if name.parts[0] not in (STAGED, LOCK))

    def _drop_empty(self) -> None:
        for path in sorted(self.path.rglob("*"), reverse=True):
            inside = path.relative_to(self.path).parts[0] not in (STAGED, LOCK)
            if inside and path.is_dir() and not any(path.iterdir()):
                path.rmdir()

    def _sync(self) -> None:
        handle = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _put(source: Path, target: Path) -> None:
    """The content of one file under another name: the same file where the system allows it, else a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and target.samefile(source):
        return  # to rename one name of a file onto another of its names does nothing, and leaves both
    temporary = target.with_name(f".{target.name}.part")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:  # a file system without links, or with too many of them
        shutil.copyfile(source, temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
    temporary.replace(target)


def _temporary(names: set[str]) -> set[str]:
    """Names of files that a process did not come to rename."""
    return {name for name in names if name.startswith(".") and name[1:].rpartition(".")[0] in _OURS}
