"""Files that are whole or absent: atomic writes, and folders whose manifest is checked before use."""

import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from dataset.errors import ArtefactError

MANIFEST: Final = "manifest.json"


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old content or the new, whatever happens in between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Write JSON, keys in the order given; NaN becomes null, since JSON has none."""
    write_text(path, json.dumps(_without_nan(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Fill a folder beside its place, seal it with a manifest, then move it there.

    A folder of that name that is there already is replaced; of several writers the last one wins.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        temporary.mkdir()
        write(temporary)
        write_json(temporary / MANIFEST, {"files": checksums(temporary)})
        _publish(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _publish(temporary: Path, folder: Path) -> None:
    """Rename onto `folder`; an older one is moved aside first, as a rename replaces only empty folders."""
    while True:
        try:
            temporary.replace(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            return
        aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
        with suppress(FileNotFoundError):  # another writer was faster
            folder.replace(aside)
        shutil.rmtree(aside, ignore_errors=True)


def checksums(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and sha256 of every file below `folder`, by relative path; the manifest itself is left out."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in paths
        if path != folder / MANIFEST
    }


def sha256(path: Path) -> str:
    """sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder; `ArtefactError` if there is none: the folder is incomplete."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtefactError(
            f"{folder} must hold a {MANIFEST}; without one it is incomplete. Got: {error}."
        ) from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise ArtefactError(
            f"{folder / MANIFEST} must list files. Got something else; make the folder again."
        )
    return manifest


def verify(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Check size and sha256 of files before any library opens them.

    Raises
    ------
    ArtefactError
        Naming the first file that is missing, outside the folder, or not what the manifest says.
    """
    root = folder.resolve()
    for name, expected in files.items():
        if not isinstance(expected, Mapping) or not {"bytes", "sha256"} <= set(expected):
            raise ArtefactError(f"The manifest of {folder} must give size and sha256 of {name!r}.")
        path = (folder / name).resolve() if "\0" not in name else root.parent
        if not path.is_relative_to(root):
            raise ArtefactError(f"Files of {folder} must lie inside it. Got {name!r}.")
        if not path.is_file():
            raise ArtefactError(f"{path} must exist, says its manifest. Got nothing; make the folder again.")
        if path.stat().st_size != expected["bytes"] or sha256(path) != expected["sha256"]:
            raise ArtefactError(
                f"{path} is not what its manifest says; it was cut or changed. Make it again."
            )


def _without_nan(value: object) -> object:
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, Mapping):
        return {str(key): _without_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(part) for part in value]
    return value
