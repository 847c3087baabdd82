"""Fitted values on disk: arrays as .npy, sparse matrices as three of them, the rest as JSON.

Nothing is pickled and nothing pickled is read. A folder is written by `Saved.save` and read by
`Saved.load`; whoever hands the folder on verifies its checksums first (see `pipeline.artefacts`).
"""

import importlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import scipy.sparse as sp

from dataset.errors import ArtefactError

PACKAGES: Final = ("dataset", "features", "retrieval", "ranking", "evaluation", "pipeline")
_INDEX: Final = "value.json"
_MAPPED: Final = ContextVar("_MAPPED", default=False)
_UNREADABLE: Final = (
    OSError,
    EOFError,
    ImportError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
)


class Saved:
    """Mixin for dataclasses of arrays, sparse matrices, plain values and other saved values."""

    def save(self, folder: Path) -> None:
        """Write all fields into `folder`, which is made."""
        save(self, folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; `ArtefactError` if it is not a saved value of this class."""
        value = load(folder)
        if not isinstance(value, cls):
            raise ArtefactError(f"{folder} must hold a {cls.__name__}. Got a {type(value).__name__} instead.")
        return value


def save(value: Any, folder: Path) -> None:
    """Write the fields of any dataclass of our own packages into `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    index: dict[str, Any] = {}
    first: dict[int, str] = {}  # one value in two fields is written once, and is one value when read
    for f in fields(value):
        if f.init:
            part = getattr(value, f.name)
            name = first.setdefault(id(part), f.name) if is_dataclass(part) else f.name
            index[f.name] = _write(part, folder, name) if name == f.name else {"same": name}
    text = json.dumps({"class": _name_of(type(value)), "fields": index}, indent=1)
    (folder / _INDEX).write_text(text, encoding="utf-8")


def load(folder: Path) -> Any:
    """Read a saved value of any class of our own packages.

    Raises
    ------
    ArtefactError
        If the folder is no saved value, or names a class outside our packages.
    """
    try:
        content = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        cls = _class_of(content["class"])
        stored = content["fields"]
    except _UNREADABLE as error:
        raise ArtefactError(f"{folder} must hold a saved value. Got: {error}.") from error
    if issubclass(cls, Saved) and cls.load.__func__ is not Saved.load.__func__:  # type: ignore[attr-defined]
        return cls.load(folder)
    try:
        return cls(**_read_fields(stored, folder))
    except _UNREADABLE as error:
        raise ArtefactError(f"{folder} must hold a complete {cls.__name__}. Got: {error}.") from error


@contextmanager
def memory_mapped() -> Iterator[None]:
    """Within it, `load` maps arrays into memory: processes that read one folder share its pages.

    An array stays writable; what is written is the process's own and never reaches the file.
    """
    token = _MAPPED.set(True)
    try:
        yield
    finally:
        _MAPPED.reset(token)


def _write(value: Any, folder: Path, name: str) -> Any:
    if isinstance(value, np.ndarray):
        np.save(folder / f"{name}.npy", value, allow_pickle=False)
        return {"array": name}
    if sp.issparse(value):
        csr = value.tocsr()
        for part in ("data", "indices", "indptr"):
            np.save(folder / f"{name}.{part}.npy", getattr(csr, part), allow_pickle=False)
        return {"csr": name, "shape": list(csr.shape)}
    if is_dataclass(value):
        value.save(folder / name) if isinstance(value, Saved) else save(value, folder / name)
        return {"saved": name}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"The keys of a mapping in a saved value must be strings. Got {list(value)[:3]}.")
        parts = enumerate(value.items())  # keys may hold anything, so parts are numbered
        return {"mapping": {key: _write(entry, folder, f"{name}.{at}") for at, (key, entry) in parts}}
    if isinstance(value, tuple | list):
        return {"tuple": [_write(entry, folder, f"{name}.{at}") for at, entry in enumerate(value)]}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Path):
        return {"path": str(value.absolute())}
    raise TypeError(f"A field of a saved value must be an array or plain. {name} is {type(value).__name__}.")


def _read_fields(stored: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, entry in stored.items():
        is_known = isinstance(entry, dict) and "same" in entry
        values[name] = values[entry["same"]] if is_known else _read(entry, folder)
    return values


def _read(entry: Any, folder: Path) -> Any:
    if not isinstance(entry, dict):
        return entry
    if "array" in entry:
        return _array(folder, entry["array"])
    if "csr" in entry:
        parts = [_array(folder, f"{entry['csr']}.{part}") for part in ("data", "indices", "indptr")]
        return sp.csr_matrix(tuple(parts), shape=tuple(entry["shape"]))
    if "saved" in entry:
        return load(folder / _plain(entry["saved"]))
    if "path" in entry:
        return Path(entry["path"])
    if "mapping" in entry:
        return {key: _read(value, folder) for key, value in entry["mapping"].items()}
    return tuple(_read(value, folder) for value in entry["tuple"])


def _array(folder: Path, name: str) -> Any:
    mode: Any = "c" if _MAPPED.get() else None
    array = np.load(folder / f"{_plain(name)}.npy", mmap_mode=mode, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError(f"the part {name!r} is an archive, not an array")
    return np.asarray(array)  # a plain view: compiled kernels know no np.memmap


def _plain(name: str) -> str:
    if name in ("", "..") or Path(name).name != name:
        raise ValueError(f"the part {name!r} lies outside its folder")
    return name


def _name_of(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _class_of(name: str) -> Any:
    module, _, qualname = name.partition(":")
    if module.partition(".")[0] not in PACKAGES or not qualname.isidentifier():
        raise ValueError(f"the class {name!r} is not one of ours")
    cls = getattr(importlib.import_module(module), qualname)
    if not (isinstance(cls, type) and is_dataclass(cls) and _name_of(cls) == name):
        raise ValueError(f"{name!r} is not a saved value")
    return cls
