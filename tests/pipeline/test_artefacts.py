"""Files are whole or absent, and what was cut or changed is refused before anything opens it."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset.errors import ArtefactError
from pipeline.artefacts import (
    MANIFEST,
    checksums,
    read_manifest,
    sha256,
    verify,
    write_folder,
    write_json,
    write_text,
)
from pipeline.cache import Cache, Maybe, ReadOnlyCache
from pipeline.tuning.study import _write, values_of
from retrieval.index import IndexSettings, VectorIndex

KIB = 1024


def sealed(folder: Path, size: int = 4 * KIB) -> Path:
    content = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8).tobytes()

    def write(temporary: Path) -> None:
        (temporary / "inner").mkdir()
        (temporary / "inner" / "booster.txt").write_bytes(content)

    write_folder(folder, write)
    return folder


def test_a_sealed_folder_verifies(tmp_path: Path) -> None:
    folder = sealed(tmp_path / "model")
    files = read_manifest(folder)["files"]
    assert list(files) == ["inner/booster.txt"]
    verify(folder, files)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("how", ["cut", "flip"])
@pytest.mark.parametrize("at", [0, *range(KIB, 4 * KIB, KIB), 4 * KIB - 1])
def test_a_cut_or_flipped_file_is_refused(tmp_path: Path, how: str, at: int) -> None:
    folder = sealed(tmp_path / "model")
    path = folder / "inner" / "booster.txt"
    content = bytearray(path.read_bytes())
    if how == "cut":
        del content[at:]
    else:
        content[at] ^= 1 << (at % 8)
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match=r"booster\.txt is not what its manifest says"):
        verify(folder, read_manifest(folder)["files"])


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    folder = sealed(tmp_path / "model")
    (folder / "inner" / "booster.txt").unlink()
    with pytest.raises(ArtefactError, match="must exist"):
        verify(folder, read_manifest(folder)["files"])


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "inner/../../secret", "a\0b", "link"])
def test_nothing_outside_the_folder_is_read(tmp_path: Path, name: str) -> None:
    folder = sealed(tmp_path / "model")
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (folder / "link").symlink_to(secret)
    fact = {"bytes": secret.stat().st_size, "sha256": sha256(secret)}
    with pytest.raises(ArtefactError, match="must lie inside"):
        verify(folder, {name: fact})


@pytest.mark.parametrize("entry", [{}, {"bytes": 4096}, "4096", None, 7])
def test_a_manifest_without_checksums_is_refused(tmp_path: Path, entry: Any) -> None:
    folder = sealed(tmp_path / "model")
    with pytest.raises(ArtefactError, match="size and sha256"):
        verify(folder, {"inner/booster.txt": entry})


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"files": []}', '"files"', "\ufeff{}"])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text, encoding="utf-8")
    with pytest.raises(ArtefactError):
        read_manifest(tmp_path)


def test_a_manifest_of_random_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(os.urandom(400))
    with pytest.raises(ArtefactError):
        read_manifest(tmp_path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.json"
    write_text(path, "old")

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.json"]


def test_a_folder_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    folder = sealed(tmp_path / "model")

    def interrupted(temporary: Path) -> None:
        (temporary / "half").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(folder, interrupted)
    verify(folder, read_manifest(folder)["files"])
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_concurrent_writers_leave_a_whole_folder(tmp_path: Path) -> None:
    folder = tmp_path / "entry"
    failures: list[BaseException] = []

    def write(number: int) -> None:
        def fill(temporary: Path) -> None:
            for at in range(5):
                (temporary / f"{at}.txt").write_text(str(number))

        try:
            for _ in range(20):
                write_folder(folder, fill)
        except BaseException as error:  # noqa: BLE001, handed to the test
            failures.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    verify(folder, read_manifest(folder)["files"])
    assert len({(folder / f"{at}.txt").read_text() for at in range(5)}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["entry"]


def test_json_is_strict(tmp_path: Path) -> None:
    write_json(tmp_path / "m.json", {"a": float("nan"), "b": [float("inf"), 1.5], "c": ("é", None)})
    text = (tmp_path / "m.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=pytest.fail) == {"a": None, "b": [None, 1.5], "c": ["é", None]}


def test_checksums_leave_the_manifest_out(tmp_path: Path) -> None:
    folder = sealed(tmp_path / "model")
    assert checksums(folder) == read_manifest(folder)["files"]


def damaged(path: Path, step: int = 4 * KIB) -> Iterator[int]:
    """Flip a bit, and cut the file, at every step and at its last byte; yields the place while it is so."""
    whole = path.read_bytes()
    for at in sorted({*range(0, len(whole), step), len(whole) - 1}):
        for content in (whole[:at] + bytes([whole[at] ^ 1 << at % 7]) + whole[at + 1 :], whole[:at]):
            path.write_bytes(content)
            yield at
    path.write_bytes(whole)


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_a_damaged_index_is_built_again_and_faiss_never_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    matrix = np.random.default_rng(0).normal(size=(500, 16)).astype(np.float32)
    index = VectorIndex.build(np.arange(500, dtype=np.int32), matrix, IndexSettings(kind=kind))
    Cache(tmp_path).remember("sources", "key", lambda: index)
    monkeypatch.setattr("faiss.read_index", pytest.fail)
    monkeypatch.setattr("faiss.deserialize_index", pytest.fail)
    nothing = Maybe(None)
    (path,) = tmp_path.rglob("index.faiss")
    places = [
        at
        for at in damaged(path)
        if ReadOnlyCache(tmp_path).remember("sources", "key", lambda: nothing) is nothing
    ]
    assert len(places) == 2 * (-(-path.stat().st_size // (4 * KIB)) + 1)
    assert len(places) > 16


def test_values_of_a_trial_that_were_damaged_are_refused(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((900, 1))
    path = tmp_path / "values" / "7.npy"
    _write(path, values)
    np.testing.assert_array_equal(values_of(tmp_path, 7), values)
    for _ in damaged(path, KIB):
        with pytest.raises(ArtefactError, match=r"7\.npy is not what was written"):
            values_of(tmp_path, 7)
    assert values_of(tmp_path, 8) is None
