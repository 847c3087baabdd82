"""The folder through which values reach other processes: each written once, sealed, and gone at the end."""

import json
import os
import shutil
import tempfile
import time
import uuid
import weakref
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final

from dataset import persistence
from dataset.errors import ResourceError
from dataset.persistence import Saved
from pipeline.artefacts import MANIFEST, sha256, write_folder
from pipeline.locks import held
from pipeline.progress import Stopwatch

RESULTS: Final = "results"
LOCK: Final = ".lock"
_PREFIX: Final = "glowrank-"
_SECONDS_TO_START: Final = 60.0


class Scratch:
    """Values on their way to the workers of an engine.

    A folder belongs to one process, which holds its lock; folders of processes that were killed are taken
    away by the next one. A value is known by its identity: it is written when first seen and taken away with
    the value itself, so a snapshot that several stages work on is written once.

    Parameters
    ----------
    parent : Path or None
        Where the folder is made; None takes the system's folder of temporary files.

    Raises
    ------
    ResourceError
        If it cannot be written.
    """

    def __init__(self, parent: Path | None) -> None:
        parent = (parent or Path(tempfile.gettempdir())).absolute()
        self._process = os.getpid()
        self._places: dict[int, dict[str, str]] = {}
        self._stack = ExitStack()
        with written(parent):
            parent.mkdir(parents=True, exist_ok=True)
            _sweep(parent)
            self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            (self.folder / RESULTS).mkdir()
        self._stack.enter_context(held(self.folder / LOCK))

    def close(self) -> None:
        """Take the folder away; in a fork of the process that made it, leave it alone."""
        if os.getpid() == self._process:
            self._stack.close()

    def plan(self, context: Any) -> str:
        """How a context is put together again from values in the folder, as JSON; they are written first.

        Raises
        ------
        ResourceError
            If the folder cannot be written.
        """
        with written(self.folder):
            return json.dumps(
                {f.name: self._tree(getattr(context, f.name)) for f in fields(context) if f.init}
            )

    def _tree(self, value: Any) -> Any:
        if isinstance(value, Stopwatch):
            return {"stopwatch": True}  # each process has its own; what it counted comes back
        if is_dataclass(value) and not isinstance(value, type):
            return {"value": self._place(value)}
        if isinstance(value, tuple | list):
            return {"tuple": [self._tree(part) for part in value]}
        if isinstance(value, Mapping):
            return {"mapping": {key: self._tree(part) for key, part in value.items()}}
        if value is None or isinstance(value, str | int | float | bool):
            return value
        raise TypeError(f"A context must hold saved and plain values. Got {type(value).__name__}.")

    def _place(self, value: Any) -> dict[str, str]:
        """Name of the folder of a value, and the checksum of its manifest."""
        place = self._places.get(id(value))
        if place is None:
            folder = self.folder / uuid.uuid4().hex
            seal(value, folder)
            place = {"folder": folder.name, "sha256": sha256(folder / MANIFEST)}
            self._places[id(value)] = place
            weakref.finalize(value, self._forget, id(value)).atexit = False
        return place

    def _forget(self, identity: int) -> None:
        place = self._places.pop(identity, None)
        if place is not None and os.getpid() == self._process:
            shutil.rmtree(self.folder / place["folder"], ignore_errors=True)


def seal(value: Any, folder: Path) -> None:
    """Write a value into a new folder, with a manifest."""
    save = value.save if isinstance(value, Saved) else lambda inner: persistence.save(value, inner)
    write_folder(folder, lambda inner: save(inner / "value"))


@contextmanager
def written(folder: Path) -> Iterator[None]:
    """What the disk refuses, in a sentence."""
    try:
        yield
    except OSError as error:
        raise ResourceError(
            f"{folder} must have room for what the workers of an engine share. "
            f"Got: {error.strerror or error}. Take another folder: engine.scratch=DIR."
        ) from error


def _sweep(parent: Path) -> None:
    """Take away the folders of processes that are dead: their locks are free."""
    for lock in parent.glob(f"{_PREFIX}*/{LOCK}"):
        with suppress(OSError, ResourceError):
            if lock.stat().st_uid == os.getuid() and time.time() - lock.stat().st_mtime > _SECONDS_TO_START:
                with held(lock):
                    shutil.rmtree(lock.parent, ignore_errors=True)
