"""Equal inputs are computed once; what lies damaged in the cache is computed again, and said."""

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dataset.vectors import Vectors
from pipeline.artefacts import MANIFEST
from pipeline.cache import Cache, Maybe, ReadOnlyCache


@dataclass
class Counter:
    """Makes vectors and counts how often."""

    calls: int = 0

    def __call__(self) -> Vectors:
        self.calls += 1
        return Vectors(np.arange(3, dtype=np.int32), np.eye(3, dtype=np.float32))


def test_without_a_folder_nothing_is_remembered() -> None:
    compute = Counter()
    for _ in range(2):
        Cache().remember("vectors", "key", compute)
    assert compute.calls == 2


def test_what_is_only_read_from_keeps_nothing_new(tmp_path: Path) -> None:
    compute = Counter()
    Cache(tmp_path).remember("vectors", "key", compute)
    for _ in range(2):
        ReadOnlyCache(tmp_path).remember("vectors", "key", compute)
        ReadOnlyCache(tmp_path).remember("vectors", "other key", compute)
    assert compute.calls == 3
    assert [entry.name for entry in (tmp_path / "vectors").iterdir()] == ["key"]


def test_a_value_is_computed_once(tmp_path: Path) -> None:
    compute = Counter()
    first = Cache(tmp_path).remember("vectors", "key", compute)
    again = Cache(tmp_path).remember("vectors", "key", compute)
    Cache(tmp_path).remember("vectors", "other key", compute)
    assert compute.calls == 2
    np.testing.assert_array_equal(again.matrix, first.matrix)
    assert again.matrix.dtype == np.float32


def test_nothing_is_remembered_too(tmp_path: Path) -> None:
    assert Cache(tmp_path).remember("vectors", "key", lambda: Maybe(None)).value is None
    assert Cache(tmp_path).remember("vectors", "key", lambda: Maybe(1)).value is None


@pytest.mark.parametrize("how", ["cut", "flip", "removed", "empty manifest"])
def test_a_damaged_entry_is_computed_again(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    compute = Counter()
    cache = Cache(tmp_path)
    cache.remember("vectors", "key", compute)
    entry = tmp_path / "vectors" / "key"
    array = entry / "value" / "matrix.npy"
    content = bytearray(array.read_bytes())
    if how == "cut":
        array.write_bytes(content[:-5])
    elif how == "flip":
        content[-1] ^= 4
        array.write_bytes(content)
    elif how == "removed":
        array.unlink()
    else:
        (entry / MANIFEST).write_text("")
    with caplog.at_level(logging.WARNING, logger="pipeline.cache"):
        value = cache.remember("vectors", "key", compute)
    assert compute.calls == 2
    np.testing.assert_array_equal(value.matrix, np.eye(3))
    assert "damaged" in caplog.text
    cache.remember("vectors", "key", compute)
    assert compute.calls == 2


def test_an_entry_without_manifest_does_not_count(tmp_path: Path) -> None:
    compute = Counter()
    Cache(tmp_path).remember("vectors", "key", compute)
    (tmp_path / "vectors" / "key" / MANIFEST).unlink()
    Cache(tmp_path).remember("vectors", "key", compute)
    assert compute.calls == 2


def test_concurrent_writers_agree(tmp_path: Path) -> None:
    compute = Counter()
    found: list[Vectors] = []

    def remember() -> None:
        for _ in range(10):
            for key in ("a", "b"):
                found.append(Cache(tmp_path).remember("vectors", key, compute))

    writers = [threading.Thread(target=remember) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(found) == 80
    assert all((value.matrix == np.eye(3)).all() for value in found)
    assert sorted(path.name for path in (tmp_path / "vectors").iterdir()) == ["a", "b"]


def test_only_dataclasses_are_remembered(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="dataclasses"):
        Cache(tmp_path).remember("values", "key", lambda: [1, 2])
    assert not (tmp_path / "values" / "key").exists()
