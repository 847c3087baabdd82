"""A folder of lists: what is kept, what is taken away, and one process at a time."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.errors import ArtefactError, ConfigurationError, ResourceError
from pipeline.lists_folder import CERTIFICATE, LOCK, PARTS, PLAN, SUCCESS, ListsFolder, Part
from pipeline.locks import held

COUNTS = {"users": 2, "short_lists": 1, "filled_up": 0}
BOOK = {"run": "run-1", "n": 3, "libraries": {"numpy": "2.4"}, "parts": 4}


def rows(number: int) -> pa.Table:
    return pa.table({"user": ["a", "b"], "item": ["x", "y"], "rank": [1, number]})


def filled(path: Path, numbers: tuple[int, ...] = (0, 1, 2)) -> dict[int, Part]:
    folder = ListsFolder.at(path)
    folder.begin(BOOK, {})
    return {number: folder.add(number, rows(number), COUNTS) for number in numbers}


def contents(path: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in path.iterdir()}


def test_whole_parts_are_kept(tmp_path: Path) -> None:
    parts = filled(tmp_path)
    folder = ListsFolder.at(tmp_path)
    assert folder.kept(BOOK) == parts
    before = contents(tmp_path)
    folder.begin(BOOK, parts)
    assert contents(tmp_path) == before
    assert folder.read(parts[1])["rank"].to_pylist() == [1, 1]


def test_a_new_folder_holds_nothing(tmp_path: Path) -> None:
    folder = ListsFolder.at(tmp_path / "new" / "lists")
    assert folder.kept(BOOK) == {}
    folder.begin(BOOK, {})
    assert contents(folder.path).keys() == {PLAN, PARTS}


@settings(max_examples=15)
@given(cut=st.integers(0, 1000), junk=st.binary(max_size=20))
def test_a_torn_manifest_costs_the_parts_of_torn_lines_alone(
    tmp_path_factory: pytest.TempPathFactory, cut: int, junk: bytes
) -> None:
    path = tmp_path_factory.mktemp("lists")
    parts = filled(path)
    content = (path / PARTS).read_bytes()
    whole = content[:cut].count(b"\n") if cut < len(content) else 3
    (path / PARTS).write_bytes(content[:cut] + junk)
    folder = ListsFolder.at(path)
    kept = folder.kept(BOOK)
    # The part of the line that was cut just before its end may count, and junk may spoil it.
    assert set(range(whole)) <= set(kept) <= set(range(whole + 1))
    assert all(kept[number] == parts[number] for number in kept)
    folder.begin(BOOK, kept)
    written = {number: folder.add(number, rows(number), COUNTS) for number in range(len(kept), 3)}
    folder.certify({})
    folder.finish({**kept, **written}, {})
    assert (path / PARTS).read_bytes() == content


@pytest.mark.parametrize("at", [0, 100, -1])
def test_a_flipped_part_is_neither_kept_nor_opened(tmp_path: Path, at: int) -> None:
    parts = filled(tmp_path)
    damaged = bytearray((tmp_path / parts[1].name).read_bytes())
    damaged[at] ^= 4
    (tmp_path / parts[1].name).write_bytes(damaged)
    folder = ListsFolder.at(tmp_path)
    with pytest.raises(ArtefactError, match=r"part-00001\.parquet is not what"):
        folder.read(parts[1])
    kept = folder.kept(BOOK)
    assert list(kept) == [0, 2]
    folder.begin(BOOK, kept)
    assert not (tmp_path / parts[1].name).exists()


def test_what_no_line_tells_of_goes_away(tmp_path: Path) -> None:
    parts = filled(tmp_path)
    (tmp_path / PARTS).write_text(parts[0].line + parts[2].line)
    (tmp_path / f".part-00003.parquet.{'0' * 32}").write_text("torn")
    (tmp_path / SUCCESS).write_text("{}")
    (tmp_path / CERTIFICATE).write_text("{}")
    folder = ListsFolder.at(tmp_path)
    folder.begin(BOOK, folder.kept(BOOK))
    assert contents(tmp_path).keys() == {PLAN, PARTS, parts[0].name, parts[2].name}


def test_the_mark_goes_before_anything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = filled(tmp_path)
    (tmp_path / SUCCESS).write_text("{}")

    def fails(path: Path, text: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("pipeline.lists_folder.write_text", fails)
    with pytest.raises(ResourceError, match="Input/output error"):
        ListsFolder.at(tmp_path).begin(BOOK, {})
    assert contents(tmp_path).keys() == {PLAN, PARTS, *(part.name for part in parts.values())}


@pytest.mark.parametrize(
    "line",
    [
        {"name": "part-00009.parquet"},
        {"name": "part-000000.parquet"},
        {"name": "../part-00000.parquet"},
        {"name": None},
        {"rows": "2"},
        {"rows": True},
        {"sha256": 3},
        {"more": 1},
    ],
)
def test_a_line_that_no_part_wrote_counts_for_nothing(tmp_path: Path, line: dict[str, object]) -> None:
    part = filled(tmp_path, (0,))[0]
    (tmp_path / PARTS).write_text(json.dumps({**json.loads(part.line), **line}) + "\n[]\n3\n{}\n")
    assert ListsFolder.at(tmp_path).kept(BOOK) == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"run": "run-2"}, "run was run-1 and now is run-2"),
        ({"n": 4}, "n was 3 and now is 4"),
        ({"parts": 5, "n": 4}, "n was 3 and now is 4"),
        ({"libraries": {"numpy": "2.5"}}, r"libraries\.numpy was 2\.4 and now is 2\.5"),
        ({"libraries": {"numpy": "2.4", "scipy": "1"}}, r"libraries\.scipy was None"),
        ({"new": 1}, "new was None and now is 1"),
    ],
)
def test_another_plan_is_refused_by_the_first_setting_that_differs(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    filled(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ConfigurationError, match=f"{said}.*another out, or resume=false"):
        ListsFolder.at(tmp_path).kept({**BOOK, **change})
    assert contents(tmp_path) == before


@pytest.mark.parametrize("text", ["", "{", "[]", "\udcff"])
def test_a_plan_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    filled(tmp_path)
    (tmp_path / PLAN).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ArtefactError, match=r"cannot be read.*resume=false"):
        ListsFolder.at(tmp_path).kept(BOOK)


@pytest.mark.parametrize("name", [SUCCESS, "part-00000.parquet"])
def test_lists_without_a_plan_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(ConfigurationError, match="resume=false"):
        ListsFolder.at(tmp_path).kept(BOOK)


def test_finished_is_what_is_marked_with_these_facts_and_this_certificate(tmp_path: Path) -> None:
    parts = filled(tmp_path, (2, 0, 1))
    folder = ListsFolder.at(tmp_path)
    assert not folder.is_finished({"n": 3})
    folder.certify({"violations": {}})
    assert not folder.is_finished({"n": 3})
    folder.finish(parts, {"n": 3})
    assert (tmp_path / PARTS).read_text() == "".join(parts[number].line for number in range(3))
    assert folder.is_finished({"n": 3})
    assert not folder.is_finished({"n": 4})
    (tmp_path / CERTIFICATE).write_text("{}")
    assert not folder.is_finished({"n": 3})


def test_a_part_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    folder = ListsFolder.at(tmp_path)
    folder.begin(BOOK, {})
    monkeypatch.setattr("pipeline.lists_folder.os.fsync", full)
    with pytest.raises(ResourceError, match="No space left"):
        folder.add(0, rows(0), COUNTS)
    assert contents(tmp_path).keys() == {PLAN, PARTS}


@pytest.mark.parametrize(
    "name", ["notes.txt", "part-1.parquet", "part-00000.parquet.bak", "_SUCCESS2", ".lock2"]
)
def test_a_folder_with_anything_else_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(ConfigurationError, match="out must be"):
        ListsFolder.at(tmp_path)
    assert (tmp_path / name).exists()


# One process at a time

# Without our imports, which take seconds; tests/end_to_end/test_resume.py has two commands at once.
HOLDER = """
import fcntl, json, os, sys, time
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
json.dump({"pid": os.getpid(), "host": "here"}, file)
file.flush()
print("held", flush=True)
time.sleep(60)
"""


def test_who_holds_the_folder_is_named_and_its_death_frees_it(tmp_path: Path) -> None:
    folder = ListsFolder.at(tmp_path)
    command = [sys.executable, "-c", HOLDER, str(tmp_path / LOCK)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"held\n"
            with pytest.raises(ResourceError, match=f"process {other.pid} on here"), folder.locked():
                pass
        finally:
            other.kill()
    assert (tmp_path / LOCK).exists()  # nobody could take it away
    with folder.locked():
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert not (tmp_path / LOCK).exists()


@pytest.mark.parametrize("left", ["", "{", '{"pid": 1}', '{"pid": "x", "host": "y"}', "[1]", "x" * 9000])
def test_whatever_a_dead_process_left_is_taken_over(tmp_path: Path, left: str) -> None:
    (tmp_path / LOCK).write_text(left)
    with held(tmp_path / LOCK):
        with pytest.raises(ResourceError, match=f"process {os.getpid()}"), held(tmp_path / LOCK):
            pass
        assert (tmp_path / LOCK).exists()
    assert not (tmp_path / LOCK).exists()


def test_a_lock_file_that_somebody_else_put_there_is_left_to_them(tmp_path: Path) -> None:
    with held(tmp_path / LOCK):
        (tmp_path / LOCK).unlink()
        (tmp_path / LOCK).write_text("another's")
    assert (tmp_path / LOCK).read_text() == "another's"


def test_a_lock_that_was_given_up_in_between_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that was opened is taken away before it is locked: the lock must be of the next one."""
    flock, calls = fcntl.flock, list[int]()

    def late(handle: int, how: int) -> None:
        if not calls:
            (tmp_path / LOCK).unlink()
        calls.append(handle)
        flock(handle, how)

    monkeypatch.setattr("pipeline.locks.fcntl.flock", late)
    with held(tmp_path / LOCK):
        monkeypatch.undo()
        assert len(calls) == 2
        with pytest.raises(ResourceError), held(tmp_path / LOCK):
            pass


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    refused = pytest.raises(ResourceError, match="must be a folder that can be written")
    with refused, held(tmp_path / "absent" / LOCK):
        pass
