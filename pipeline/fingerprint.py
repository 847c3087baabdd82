"""Names for content: equal values, equal fingerprints."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from dataset.snapshot import Snapshot


def fingerprint(*values: object) -> str:
    """sha256, in hex, of specifications, arrays and plain values, nested at will."""
    digest = hashlib.sha256()
    for value in values:
        _feed(digest, value)
    return digest.hexdigest()


def fingerprint_of_past(snapshot: Snapshot) -> str:
    """Fingerprint of all that may be fitted on or asked with: neither the queries nor their truth."""
    return fingerprint(
        snapshot.cutoff,
        snapshot.history,
        snapshot.request_history,
        snapshot.users,
        snapshot.items,
        snapshot.catalogue,
        snapshot.event_weights,
        snapshot.owned_kinds,
        snapshot.constraints,
    )


@cache
def fingerprint_of_code(*packages: str) -> str:
    """sha256 over the files of our packages, tables included: what old code made is not taken for new."""
    digest = hashlib.sha256()
    for package in packages:
        folder = Path(next(iter(import_module(package).__path__)))
        for path in sorted(folder.rglob("*")):
            if "__pycache__" in path.parts or not path.is_file():
                continue
            digest.update(f"{package}/{path.relative_to(folder).as_posix()}\x1f".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _feed(digest: Any, value: object) -> None:
    if isinstance(value, np.ndarray):
        digest.update(f"array {value.dtype.str} {value.shape}\x1f".encode())
        digest.update(np.ascontiguousarray(value).data if value.size else b"")
    elif is_dataclass(value) and not isinstance(value, type):
        digest.update(f"{type(value).__module__}:{type(value).__qualname__}\x1f".encode())
        for entry in fields(value):
            if entry.init:
                digest.update(f"{entry.name}\x1f".encode())
                _feed(digest, getattr(value, entry.name))
    elif isinstance(value, Mapping):
        digest.update(f"mapping {len(value)}\x1f".encode())
        for key, part in value.items():
            _feed(digest, key)
            _feed(digest, part)
    elif isinstance(value, tuple | list):
        digest.update(f"sequence {len(value)}\x1f".encode())
        if value and all(isinstance(part, str) for part in value):
            digest.update(
                "".join(f"{len(part)} {part}\x1f" for part in value).encode("utf-8", "surrogatepass")
            )
        else:
            for part in value:
                _feed(digest, part)
    elif value is None or isinstance(value, str | int | float | bool | np.generic | Path):
        digest.update(f"{type(value).__name__} {value!r}\x1f".encode("utf-8", "surrogatepass"))
    else:
        raise TypeError(
            f"A fingerprint takes specifications, arrays and plain values. Got {type(value).__name__}."
        )
