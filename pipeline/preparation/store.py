"""Results on disk by the name of what they were made of, so that work that was done is never done again."""

import logging
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dataset.errors import ArtefactError
from pipeline.artefacts import MANIFEST, read_manifest, verify, write_folder

_LOG: Final = logging.getLogger(__name__)


class DamagedEntryError(ArtefactError):
    """An entry is not what was written; it has been taken away, so whoever begins again makes it anew."""


@dataclass(frozen=True)
class Store:
    """A folder of entries, each a folder of files that appears whole under the key of its content.

    A process may end anywhere: what has a manifest is complete, all else is taken away by `sweep`. The
    whole folder may be deleted at any time; then everything is made again.

    Parameters
    ----------
    folder : Path
        Made if need be.
    made : Counter of str
        Entries made by this process, by kind; those that were there are not counted.
    """

    folder: Path
    made: Counter[str] = field(default_factory=Counter)
    _used: set[Path] = field(default_factory=set, repr=False)
    _verified: set[tuple[Path, str]] = field(default_factory=set, repr=False)

    def obtain(self, kind: str, key: str, make: Callable[[Path], None]) -> "Entry":
        """The entry of that key, made if it is not there.

        Parameters
        ----------
        kind : str
            Folder of the entry, for the eye and for the counts.
        key : str
            Fingerprint of everything that the entry depends on, in hex.
        make : callable
            Writes the files of the entry into the folder given.
        """
        path = self.folder / kind / key[:40]
        self._used.add(path)
        if not (path / MANIFEST).is_file():
            write_folder(path, make)
            self.made[kind] += 1
        return Entry(self, path)

    @property
    def asked(self) -> dict[str, int]:
        """Entries asked for, by kind."""
        return dict(Counter(path.parent.name for path in self._used))

    def has(self, kind: str, key: str) -> bool:
        """Whether there is an entry of that key."""
        return (self.folder / kind / key[:40] / MANIFEST).is_file()

    def check(self, path: Path, name: str) -> None:
        """Verify a file or folder of an entry, once a process, before it is opened.

        Raises
        ------
        DamagedEntryError
            If it is not what was written; the entry is gone by then.
        """
        if (path, name) in self._verified:
            return
        files = {other: facts for other, facts in self.manifest(path).items() if _within(other, name)}
        try:
            verify(path, files)
        except ArtefactError as error:
            raise self._damaged(path, error) from error
        self._verified.add((path, name))

    def manifest(self, path: Path) -> Mapping[str, Mapping[str, Any]]:
        """Size and sha256 of the files of an entry; `DamagedEntryError` if it cannot be read."""
        try:
            files: Mapping[str, Mapping[str, Any]] = read_manifest(path)["files"]
        except ArtefactError as error:
            raise self._damaged(path, error) from error
        return files

    def _damaged(self, path: Path, error: ArtefactError) -> DamagedEntryError:
        _LOG.warning("Prepared data is damaged and is prepared again. %s", error)
        shutil.rmtree(path, ignore_errors=True)
        return DamagedEntryError(str(error))

    def sweep(self) -> None:
        """Take away what this process has not asked for: entries of older content, torn ones."""
        for kind in self.folder.iterdir():
            for entry in kind.iterdir() if kind.is_dir() else ():
                if entry not in self._used:
                    shutil.rmtree(entry, ignore_errors=True)


@dataclass(frozen=True)
class Entry:
    """Files that were made together.

    Parameters
    ----------
    store : Store
    path : Path
        Its folder, whose name is the key.
    """

    store: Store
    path: Path

    @property
    def key(self) -> str:
        """What it was made of, for the keys of what is made of it."""
        return self.path.name

    @property
    def manifest(self) -> Mapping[str, Mapping[str, Any]]:
        """Size and sha256 of its files."""
        return self.store.manifest(self.path)

    def file(self, name: str) -> Path:
        """One of its files or folders, verified if it is there; `DamagedEntryError` if it was changed."""
        self.store.check(self.path, name)
        return self.path / name


def _within(name: str, parent: str) -> bool:
    return name == parent or name.startswith(f"{parent}/")
