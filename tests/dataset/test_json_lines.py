"""JSON lines: ids and numbers as they are written, and what is no object is named by its line."""

import gzip
import json
import random
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.errors import DataContractError, GlowrankError, ResourceError
from dataset.reading.json_lines import JsonLines
from dataset.reading.reader import Piece

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


def reader(path: Path, columns: tuple[str, ...] = ("a", "b"), **options) -> JsonLines:
    return JsonLines(files=((path.name, path),), columns=columns, **options)


def rows(source: JsonLines, pieces: list[Piece] | None = None) -> list[list[object]]:
    listed = source.pieces() if pieces is None else pieces
    return pd.concat([chunk for piece in listed for chunk in source.chunks(piece)]).to_numpy().tolist()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lines") / "x.jsonl"


@settings(max_examples=40)
@given(
    content=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=8),
    zipped=st.booleans(),
    ascii_only=st.booleans(),
    size=st.integers(1, 4),
)
def test_any_text_comes_back(file, content, zipped, ascii_only, size):
    lines = [json.dumps({"a": a, "b": b}, ensure_ascii=ascii_only) for a, b in content]
    raw = "\r\n".join(lines).encode()
    path = file.with_suffix(".jsonl.gz") if zipped else file
    path.write_bytes(gzip.compress(raw) if zipped else raw)
    assert rows(reader(path, chunk_rows=size)) == [list(row) for row in content]


def test_numbers_stay_as_they_are_written(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(
        f'{{"a": {2**70}, "b": 1.10}}\n\n{{"a": "00123", "b": null}}\n'
        '{"a": 1e5, "b": true}\n{"a": {"x": 1}}\n'
    )
    assert rows(reader(path)) == [[str(2**70), "1.10"], ["00123", ""], ["1e5", "true"], ['{"x": "1"}', ""]]


def test_lists_nested_keys_and_halves_of_pairs(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(
        '{"a": ["x", "y"], "b": {"c": {"d": 1}}, "e": "\\ud83d"}\n'
        '{"b": {"c": 3}, "e": "f"}\n{"b.c.d": "7", "e": ""}\n'
    )
    columns = ("a", "b.c.d", "e")
    assert rows(reader(path, columns)) == [[["x", "y"], "1", "\\ud83d"], [[], "", "f"], [[], "7", ""]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": 2}\n{"a": 1\n', r"Line 2 .* is none"),
        ('{"a": 1, "b": 2}\n[1]\n', "Line 2 .* it is a list"),
        ('[{"a": 1, "b": 2}]', "it is a list"),
        ("{'a': 1, 'b': 2}\n", "Line 1 "),
        ('{"a": ' + "[" * 100_000 + "\n", "nested too deeply|is none"),
        ('{"a": 1, "c": 2}\n', "must have the key b in one line at least. Its lines have a, c"),
    ],
)
def test_what_is_no_object_is_refused(tmp_path, text, message):
    (tmp_path / "x.jsonl").write_text(text)
    with pytest.raises(DataContractError, match=message):
        rows(reader(tmp_path / "x.jsonl"))


def test_appended_lines_are_a_further_piece(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1, "b": 2}')
    source = reader(path)
    first = list(source.pieces())
    path.write_text('{"a": 1, "b": 2}\n{"a": 3}\n')  # the new piece need not have every key
    second = list(source.pieces(first))
    assert second[: len(first)] == first
    assert rows(source, second[1:]) == [["3", ""]]
    path.write_text('{"a": 1, "b": 9}\n{"a": 3}\n')
    assert len(source.pieces(second)) == 1


def test_bombs_and_random_bytes(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1, "b": 1}\n' * 200_000))
    with pytest.raises(ResourceError, match="unpack to at most"):
        rows(reader(path, max_gib=1e-4))
    path.write_bytes(gzip.compress(b'{"a": "' + b"x" * (40 << 20)))
    with pytest.raises(DataContractError, match="at most 16 MiB"):
        rows(reader(path))
    rng = random.Random(1)
    for _ in range(40):
        raw = tmp_path / "y.jsonl"
        raw.write_bytes(rng.randbytes(rng.randrange(1, 200)))
        with pytest.raises(GlowrankError, match=r"\.$"):
            rows(reader(raw))
