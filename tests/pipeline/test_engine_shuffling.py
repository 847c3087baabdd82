"""A table of parts by user: every row once, a user in one part, the same bytes for any order of the rows."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataset.errors import ConfigurationError, DataContractError
from pipeline.shuffling import shuffled_by_user

pytestmark = pytest.mark.slow


def events(n: int = 4000, users: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "item": [f"i{at}" for at in rng.integers(0, 50, n)],
            "user": [f"{at:05d}é" for at in rng.integers(0, users, n)],
            "value": np.where(rng.random(n) < 0.3, np.nan, rng.random(n)),
            "timestamp": pd.to_datetime(rng.integers(0, 10**9, n), unit="s", utc=True),
        }
    )


def parts_of(frame: pd.DataFrame, folder, n: int):
    folder.mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(frame)), n)):
        table = pa.Table.from_pandas(frame.iloc[rows], preserve_index=False)
        pq.write_table(table, folder / f"part-{number}.parquet")
    return folder


def test_every_row_once_and_a_user_in_one_part(tmp_path):
    pytest.importorskip("dask")
    frame = events()
    contents = []
    for name, order, n in (
        ("a", np.arange(len(frame)), 3),
        ("b", np.random.default_rng(1).permutation(4000), 7),
    ):
        folder = parts_of(frame.iloc[order], tmp_path / name, n)
        out = tmp_path / f"{name}_out"
        shuffled_by_user(folder, out, 5)
        contents.append({path.name: path.read_bytes() for path in sorted(out.iterdir())})
        assert list(contents[-1]) == [f"part-{number:05d}.parquet" for number in range(5)]
        found = [pd.read_parquet(path) for path in sorted(out.iterdir())]
        columns = list(frame.columns)
        pd.testing.assert_frame_equal(
            pd.concat(found).sort_values(columns).reset_index(drop=True),
            frame.sort_values(columns).reset_index(drop=True),
            check_dtype=False,
        )
        users = [set(part["user"]) for part in found]
        assert sum(map(len, users)) == frame["user"].nunique()
        assert all(part["user"].is_monotonic_increasing for part in found)
        assert max(map(len, users)) < 2 * frame["user"].nunique() / 5
    assert contents[0] == contents[1]


def test_more_parts_than_users_leaves_some_empty(tmp_path):
    pytest.importorskip("dask")
    shuffled_by_user(parts_of(events(20, 2), tmp_path / "in", 2), tmp_path / "out", 9)
    found = [pd.read_parquet(path) for path in sorted((tmp_path / "out").iterdir())]
    assert len(found) == 9
    assert sum(map(len, found)) == 20
    assert {tuple(part.columns) for part in found} == {("item", "user", "value", "timestamp")}


def test_what_is_no_such_folder_is_a_sentence(tmp_path, monkeypatch):
    pytest.importorskip("dask")
    with pytest.raises(DataContractError, match="Got 0"):
        shuffled_by_user(tmp_path, tmp_path / "out", 3)
    folder = parts_of(events(20).drop(columns="user"), tmp_path / "in", 1)
    with pytest.raises(DataContractError, match="user among them"):
        shuffled_by_user(folder, tmp_path / "out", 3)
    assert not list(tmp_path.glob("*out*"))
    monkeypatch.setitem(__import__("sys").modules, "dask.dataframe", None)
    with pytest.raises(ConfigurationError, match=r"glowrank\[dask\]"):
        shuffled_by_user(folder, tmp_path / "out", 3)
