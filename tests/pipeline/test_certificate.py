"""A planted violation of each kind is found, in the lists of shops where the oracle finds it too."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dataset.dataset import Dataset
from dataset.errors import DataContractError
from dataset.interactions import KINDS, Interactions
from dataset.items import UNKNOWN_TIME, Items
from dataset.ragged import Categorical, TokenLists
from dataset.snapshot import Snapshot
from dataset.splits.temporal import Temporal
from dataset.users import Users
from dataset.vocabulary import Vocabulary
from pipeline.certificate import VIOLATIONS, Certificate, certify
from pipeline.recommendation import Recommendation

WORDS = np.array(["retinol", "parfum", "alcohol", "talc"])
PART, BLOCK = 5, 3


def random_shop(seed: int, n_users: int = 12, n_items: int = 20) -> Dataset:
    """A shop with stock, launches and avoid-lists at random, small enough to be looked through."""
    rng = np.random.default_rng(seed)
    n_events = int(rng.integers(1, 80))
    unseen = Categorical(np.zeros(n_items, np.int32), ("x",))
    events = Interactions(
        user=rng.integers(0, n_users, n_events).astype(np.int32),
        item=rng.integers(0, n_items, n_events).astype(np.int32),
        kind=rng.integers(0, len(KINDS), n_events).astype(np.int8),
        value=np.full(n_events, np.nan, np.float32),
        time=rng.integers(1_600_000_000, 1_610_000_000, n_events),
    )
    return Dataset(
        name="random",
        users=Users(
            numeric={},
            categorical={},
            concerns=TokenLists.empty(n_users),
            avoids=TokenLists.of([WORDS[rng.random(4) < 0.3].tolist() for _ in range(n_users)]),
        ),
        items=Items(
            brand=unseen,
            category=unseen,
            price=np.ones(n_items, np.float32),
            in_stock=rng.random(n_items) < 0.8,
            launched=np.where(rng.random(n_items) < 0.2, 1_700_000_000, UNKNOWN_TIME),
            ingredients=TokenLists.of([WORDS[rng.random(4) < 0.2].tolist() for _ in range(n_items)]),
            functions=TokenLists.empty(n_items),
        ),
        interactions=events.sorted(),
        user_ids=Vocabulary.of([f"u{at}" for at in range(n_users)]),
        item_ids=Vocabulary.of([f"i{at}" for at in range(n_items)]),
        digest="",
    )


class Reasons:
    """The long way: why each user may not get each item."""

    def __init__(self, dataset: Dataset) -> None:
        self.snapshot: Snapshot = Recommendation().asked(Temporal().latest(dataset))
        users, items, events = dataset.users, dataset.items, dataset.interactions
        shape = (len(users), len(items))
        got = np.isin(events.kind, [KINDS.index(kind) for kind in Temporal().owned_kinds])
        self.of = {
            "avoided_ingredient": np.array(
                [
                    [bool({*users.avoids.words_of(user)} & {*items.ingredients.words_of(item)})
                     for item in range(shape[1])]
                    for user in range(shape[0])
                ]
            ),
            "not_in_catalogue": np.zeros(shape, bool) | ~self.snapshot.catalogue,
            "out_of_stock": np.zeros(shape, bool) | ~items.in_stock,
            "already_owned": np.zeros(shape, bool),
        }  # fmt: skip
        self.of["already_owned"][events.user[got], events.item[got]] = True
        self.why = sum(table.astype(int) for table in self.of.values())
        self.may = self.why == 0


def honest_lists(dataset: Dataset, reasons: Reasons, n: int) -> pd.DataFrame:
    """The first n items that each user may get."""
    rows = [
        (dataset.user_ids.ids[user], rank, dataset.item_ids.ids[item])
        for user in range(len(dataset.users))
        for rank, item in enumerate(np.flatnonzero(reasons.may[user])[:n], start=1)
    ]
    return pd.DataFrame(rows, columns=["user", "rank", "item"])


def certificate_of(dataset: Dataset, snapshot: Snapshot, lists: pd.DataFrame, n: int) -> Certificate:
    """Cut into parts by user as `recommend` does; a user whom nobody knows stays with the last part."""
    code = lists["user"].map({name: at for at, name in enumerate(dataset.user_ids.ids)})
    part = code.fillna(len(dataset.users) - 1).astype(int) // PART
    return certify(
        (table(lists[part == number]) for number in range(-(-len(dataset.users) // PART))),
        snapshot,
        dataset,
        n,
        PART,
        BLOCK,
    )


def table(lists: pd.DataFrame) -> pa.Table:
    ids = {
        name: pa.array(lists[name].astype(object), pa.string(), from_pandas=True).dictionary_encode()
        for name in ("user", "item")
    }
    return pa.table({**ids, "rank": pa.array(lists["rank"].to_numpy(np.int32))})


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 25))
def test_honest_lists_break_nothing(seed: int, n: int) -> None:
    dataset = random_shop(seed)
    reasons = Reasons(dataset)
    lists = honest_lists(dataset, reasons, n)
    found = certificate_of(dataset, reasons.snapshot, lists, n)
    found.check()
    eligible = reasons.may.sum(axis=1)
    assert found.eligible.tolist() == eligible.tolist()
    assert tuple(found.violations) == VIOLATIONS
    assert found.as_json() == {
        "lists": 12,
        "rows": len(lists),
        "violations": dict.fromkeys(VIOLATIONS, 0),
        "short_lists": (eligible < n).sum(),
        "short_as_no_more_are_eligible": (eligible < n).sum(),
        "eligible_items": {
            "min": eligible.min(), "median": np.median(eligible), "max": eligible.max()
        },
    }  # fmt: skip


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(["avoided_ingredient", "not_in_catalogue", "out_of_stock", "already_owned"]),
    n=st.integers(1, 8),
)
def test_an_item_that_its_user_may_not_get_is_found(seed: int, kind: str, n: int) -> None:
    dataset = random_shop(seed)
    reasons = Reasons(dataset)
    lists = honest_lists(dataset, reasons, n)
    user_of = {name: code for code, name in enumerate(dataset.user_ids.ids)}
    # Places in the lists where this, and nothing else, speaks against some item.
    only = reasons.of[kind] & (reasons.why == 1)
    places = [(at, user_of[user]) for at, user in lists["user"].items() if only[user_of[user]].any()]
    assume(places)
    at, user = places[seed % len(places)]
    lists.loc[at, "item"] = dataset.item_ids.ids[int(np.flatnonzero(only[user])[0])]
    found = certificate_of(dataset, reasons.snapshot, lists, n)
    assert {name: count for name, count in found.violations.items() if count} == {kind: 1}
    with pytest.raises(DataContractError, match=f"{kind} 1"):
        found.check()


Plant = Callable[[pd.DataFrame], pd.DataFrame]


def doubled(lists: pd.DataFrame) -> pd.DataFrame:
    return lists.assign(item=["" if at == 1 else item for at, item in enumerate(lists["item"])]).replace(
        {"item": {"": lists["item"][0]}}
    )


def changed(column: str, value: object) -> Plant:
    def plant(lists: pd.DataFrame) -> pd.DataFrame:
        lists[column] = [value if at == 1 else old for at, old in enumerate(lists[column])]
        return lists

    return plant


def without(row: int) -> Plant:
    return lambda lists: lists.drop(index=row).reset_index(drop=True)


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (doubled, {"duplicate": 1}),
        (changed("item", "nobody's"), {"unknown_id": 1, "wrong_rank": 1, "short_list": 1}),
        (changed("item", "-1"), {"unknown_id": 1, "wrong_rank": 1, "short_list": 1}),
        (changed("item", None), {"unknown_id": 1, "wrong_rank": 1, "short_list": 1}),
        (changed("user", "stranger"), {"unknown_id": 1, "wrong_rank": 1, "short_list": 1}),
        (changed("rank", 1), {"wrong_rank": 1}),
        (changed("rank", 0), {"wrong_rank": 1}),
        (without(2), {"short_list": 1}),
        (lambda lists: lists[lists["user"] != lists["user"][0]], {"short_list": 1}),
        (lambda lists: lists.iloc[:0], {"short_list": 12}),
    ],
)
def test_a_broken_list_is_found(plant: Plant, expected: dict[str, int]) -> None:
    dataset = random_shop(3)
    reasons = Reasons(dataset)
    assert (reasons.may.sum(axis=1) > 3).all()
    found = certificate_of(dataset, reasons.snapshot, plant(honest_lists(dataset, reasons, 3)), 3)
    assert {kind: count for kind, count in found.violations.items() if count} == expected


def test_a_list_longer_than_n_is_found() -> None:
    dataset = random_shop(3)
    reasons = Reasons(dataset)
    found = certificate_of(dataset, reasons.snapshot, honest_lists(dataset, reasons, 4), 3)
    assert found.violations["wrong_rank"] == 12


def test_a_list_in_the_part_of_others_is_found() -> None:
    dataset = random_shop(3)
    reasons = Reasons(dataset)
    parts = [table(honest_lists(dataset, reasons, 3))] * 3  # each holds everybody
    found = certify(iter(parts), reasons.snapshot, dataset, 3, PART, BLOCK)
    assert {kind: count for kind, count in found.violations.items() if count} == {"unknown_id": 2 * 12 * 3}


def test_a_part_too_few_is_no_certificate() -> None:
    dataset = random_shop(3)
    reasons = Reasons(dataset)
    parts = [table(honest_lists(dataset, reasons, 3))] * 2
    with pytest.raises(ValueError, match="zip"):
        certify(iter(parts), reasons.snapshot, dataset, 3, PART, BLOCK)


def test_rows_in_any_order_are_read() -> None:
    dataset = random_shop(3)
    reasons = Reasons(dataset)
    lists = honest_lists(dataset, reasons, 3)
    shuffled = lists.sort_values(["rank", "user"])
    certificate_of(dataset, reasons.snapshot, shuffled, 3).check()


def test_nobody_asked_nothing_broken() -> None:
    dataset = random_shop(3)
    snapshot = Reasons(dataset).snapshot
    nobody = replace(snapshot, queries=snapshot.queries.take(np.zeros(0, np.int64)))
    found = certify(iter(()), nobody, dataset, 3, PART, BLOCK)
    found.check()
    assert found.as_json()["lists"] == 0
