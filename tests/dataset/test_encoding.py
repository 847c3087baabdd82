"""Coding: exact, independent of the order of rows, and one digest for one content."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from dataset.canonical import Tables
from dataset.cleaning import clean
from dataset.encoding import encode
from dataset.errors import DataContractError
from dataset.interactions import KINDS
from dataset.items import UNKNOWN_TIME
from dataset.ragged import TokenLists
from dataset.sources.tables import TableFiles

_EXAMPLE = Path(__file__).parents[2] / "docs/examples"


@pytest.fixture(scope="module")
def tables() -> Tables:
    return clean(TableFiles(path=str(_EXAMPLE), mapping=str(_EXAMPLE / "tables.yaml")).read())[0]


def test_everything_arrives(tables: Tables) -> None:
    dataset = encode(tables, "example")
    at = dataset.item_ids.encode(["00123", "1152921504606846976", "00306"])
    assert (at >= 0).all()
    assert dataset.items.ingredients.words_of(at[0])[:2] == ["water", "glycerin"]
    assert dataset.items.price[at[1]] == np.float32(6.5)
    assert dataset.items.launched[at[2]] == UNKNOWN_TIME
    user = int(dataset.user_ids.encode(["c01"])[0])
    assert dataset.users.avoids.words_of(user) == ["fragrance", "alcohol denat"]
    assert dataset.users.numeric["age"][user] == 34
    region = dataset.users.categorical["region"]
    assert region.names[region.codes[user]] == "Nord"
    events = dataset.interactions
    decoded = pd.DataFrame(
        {
            "user": dataset.user_ids.decode(events.user),
            "item": dataset.item_ids.decode(events.item),
            "kind": [KINDS[kind] for kind in events.kind],
            "time": events.time,
        }
    )
    raw = tables.interactions
    came = raw[["user", "item", "kind"]].assign(time=raw["timestamp"].dt.as_unit("s").astype("int64"))
    order = ["user", "time", "item", "kind"]
    pd.testing.assert_frame_equal(
        decoded.sort_values(order, ignore_index=True),
        came.sort_values(order, ignore_index=True)[decoded.columns],
        check_dtype=False,
    )


def test_token_lists_equal_the_plain_construction(tables: Tables) -> None:
    dataset = encode(tables, "example")
    rows = tables.items.set_index("item").loc[list(dataset.item_ids.ids), "functions"]
    expected = TokenLists.of(rows.tolist())
    assert dataset.items.functions.words == expected.words
    np.testing.assert_array_equal(dataset.items.functions.lists.values, expected.lists.values)
    np.testing.assert_array_equal(dataset.items.functions.lists.offsets, expected.lists.offsets)


def test_digest_ignores_row_order_and_notices_content(tables: Tables) -> None:
    digest = encode(tables, "example").digest
    shuffled = replace(
        tables,
        users=tables.users.sample(frac=1.0, random_state=1),
        items=tables.items.sample(frac=1.0, random_state=2),
        interactions=tables.interactions.sample(frac=1.0, random_state=3),
    )
    assert encode(shuffled, "another name").digest == digest
    assert encode(tables, "example", seed=1).digest != digest
    dearer = tables.items.assign(price=tables.items["price"] + 1)
    assert encode(replace(tables, items=dearer), "example").digest != digest
    events = tables.interactions
    later = events.assign(timestamp=events["timestamp"] + pd.Timedelta(seconds=1))
    assert encode(replace(tables, interactions=later), "x").digest != digest


def test_events_of_one_moment_do_not_tell_the_order_of_the_file(tables: Tables) -> None:
    moods = pd.array(["b", "a"], dtype="str")
    events = tables.interactions.iloc[[0, 0]].assign(value=[2.0, 1.0], mood=moods)
    forward = encode(replace(tables, interactions=events, stated=("mood",)), "x")
    backward = encode(replace(tables, interactions=events.iloc[::-1], stated=("mood",)), "x")
    assert forward.digest == backward.digest
    assert forward.interactions.value.tolist() == [1.0, 2.0]


class _Oracle:
    def __init__(self) -> None:
        self.rows: tuple[npt.NDArray[np.int64], ...] = ()

    def probabilities(
        self, user: npt.NDArray[np.int32], time: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        return np.zeros((len(user), 0), np.float32)

    def recode(self, user_rows: npt.NDArray[np.int64], item_rows: npt.NDArray[np.int64]) -> "_Oracle":
        self.rows = (user_rows, item_rows)
        return self


def test_the_oracle_learns_the_row_of_each_code(tables: Tables) -> None:
    oracle = _Oracle()
    dataset = encode(replace(tables, oracle=oracle), "x")
    assert tuple(tables.users["user"].iloc[oracle.rows[0]]) == dataset.user_ids.ids
    assert tuple(tables.items["item"].iloc[oracle.rows[1]]) == dataset.item_ids.ids


def test_tables_that_were_not_cleaned_are_refused(tables: Tables) -> None:
    with pytest.raises(DataContractError, match="twice"):
        encode(replace(tables, items=pd.concat([tables.items, tables.items.iloc[:1]])), "x")
    with pytest.raises(DataContractError, match="The item of every event must be known"):
        encode(replace(tables, items=tables.items.iloc[1:]), "x")
    strange = tables.interactions.assign(kind=pd.Series("gift", index=tables.interactions.index, dtype="str"))
    with pytest.raises(DataContractError, match="'gift'"):
        encode(replace(tables, interactions=strange), "x")


def test_no_events_at_all(tables: Tables) -> None:
    dataset = encode(replace(tables, interactions=tables.interactions.iloc[:0]), "x")
    assert len(dataset.interactions) == 0
    assert len(dataset.items) == len(tables.items)
