"""Stages remembered by content: what was computed from equal inputs is read instead."""

import errno
import logging
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, cast
from weakref import WeakValueDictionary

from dataset import persistence
from dataset.persistence import Saved
from pipeline.artefacts import MANIFEST, read_manifest, verify, write_folder

Value = TypeVar("Value")
_LOG: Final = logging.getLogger(__name__)
_places: Final[WeakValueDictionary[Path, Any]] = WeakValueDictionary()


@dataclass(frozen=True)
class Cache:
    """A folder of saved values, named by the fingerprint of all that they were made from.

    Values are dataclasses of arrays (see `dataset.persistence`), verified by checksum when read. Several
    processes may share the folder: entries appear whole, and equal names mean equal content.

    Parameters
    ----------
    folder : Path or None
        None remembers nothing.
    """

    folder: Path | None = None

    def remember(self, kind: str, key: str, compute: Callable[[], Value]) -> Value:
        """The value made before under `key`, or else `compute()`, which is kept.

        Parameters
        ----------
        kind : str
            Folder of the entry, for the eye.
        key : str
            Fingerprint of everything that the value depends on.
        compute : callable
        """
        if self.folder is None:
            return compute()
        entry = self.folder / kind / key[:32]
        is_there = (entry / MANIFEST).exists()
        if is_there:
            try:
                verify(entry, read_manifest(entry)["files"])
                value = cast(Value, persistence.load(entry / "value"))
                _places[entry] = value
                return value
            except OSError as error:  # ours too; another process may be putting the same entry in place
                _LOG.warning("A cached stage is damaged and is computed again. %s", error)
        value = compute()
        self._keep(entry, value, is_damaged=is_there)
        _places[entry] = value
        return value

    def _keep(self, entry: Path, value: object, *, is_damaged: bool) -> None:
        """Put a value in its place; who is slower leaves the entry of the other, which may be being read."""
        place = entry if is_damaged else entry.with_name(f".{entry.name}.{uuid.uuid4().hex}")
        write_folder(place, lambda folder: _save(value, folder / "value"))
        if place != entry:
            try:
                place.rename(entry)
            except OSError as error:
                shutil.rmtree(place, ignore_errors=True)
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise


@dataclass(frozen=True)
class ReadOnlyCache(Cache):
    """Reads what is there and keeps nothing: for work whose stages nobody will ask for again."""

    def _keep(self, entry: Path, value: object, *, is_damaged: bool) -> None:
        """Leave the folder as it is."""


def place_of(value: object) -> Path | None:
    """The entry that holds a value which was remembered, or read, by this process; None if there is none."""
    for entry, remembered in list(_places.items()):
        if remembered is value and (entry / MANIFEST).exists():
            return entry
    return None


@dataclass(frozen=True)
class Maybe(Saved):
    """A value that may be None, so that "there is nothing" is remembered too."""

    value: Any


def _save(value: object, folder: Path) -> None:
    if isinstance(value, Saved):
        value.save(folder)
    elif is_dataclass(value):
        persistence.save(value, folder)
    else:
        raise TypeError(f"Only dataclasses can be remembered. Got {type(value).__name__}.")
