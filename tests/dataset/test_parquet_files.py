"""Parquet: ids as text, numbers as stored, a changed file is another piece."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.errors import DataContractError, ResourceError
from dataset.reading.parquet_files import ParquetFiles

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


def reader(path: Path, columns: tuple[str, ...], as_text: tuple[str, ...] = (), **options) -> ParquetFiles:
    return ParquetFiles(files=((path.name, path),), columns=columns, as_text=as_text, **options)


def frame(source: ParquetFiles) -> pd.DataFrame:
    return pd.concat(
        [chunk for piece in source.pieces() for chunk in source.chunks(piece)], ignore_index=True
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parquet") / "x.parquet"


@settings(max_examples=40)
@given(texts=st.lists(TEXTS, min_size=1, max_size=9), size=st.integers(1, 4), coded=st.booleans())
def test_any_text_comes_back(file, texts, size, coded):
    column = pa.array(texts)
    pq.write_table(pa.table({"a": column.dictionary_encode() if coded else column}), file, row_group_size=3)
    source = reader(file, ("a",), ("a",), chunk_rows=size)
    assert frame(source)["a"].tolist() == texts


def test_types(tmp_path):
    path = tmp_path / "x.parquet"
    columns = {
        "id": pa.array([2**60, None], pa.int64()),
        "n": [1.5, None],
        "words": [["a"], None],
        "deep": [{"x": 1}, None],
    }
    pq.write_table(pa.table(columns), path)
    read = frame(reader(path, ("id", "n", "words", "deep"), ("id",)))
    assert read["id"].tolist() == [str(2**60), ""]
    assert read["n"].iloc[0] == 1.5
    assert read["words"].tolist() == [["a"], []]
    assert read["deep"].tolist() == ['{"x": 1}', ""]
    with pytest.raises(DataContractError, match=r"Column n of .* must be text or whole"):
        frame(reader(path, ("n",), ("n",)))
    with pytest.raises(DataContractError, match="must have the column z"):
        frame(reader(path, ("z",)))
    with pytest.raises(ResourceError, match="max_gib"):
        frame(reader(path, ("id",), max_gib=1e-9))


def test_no_rows_changes_and_damage(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": pa.array([], pa.string())}), path)
    source = reader(path, ("a",), ("a",))
    assert frame(source).columns.tolist() == ["a"]
    first = source.pieces()
    assert source.pieces(first) == first
    pq.write_table(pa.table({"a": ["x"]}), path)
    assert [piece.digest for piece in source.pieces(first)] != [piece.digest for piece in first]
    with pytest.raises(DataContractError, match="must not change"):
        list(source.chunks(first[0]))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataContractError, match="must be Parquet"):
        frame(source)
