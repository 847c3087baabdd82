"""The synthetic shop as a source: reproducible, true to its promises, fit for the pipeline at any size."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from dataset.canonical import Tables
from dataset.cleaning import clean
from dataset.encoding import encode
from dataset.errors import ParameterError
from dataset.ingredients import normalise
from dataset.interactions import KINDS
from dataset.persistence import load
from dataset.shop import generate as generating
from dataset.shop.events import EVENTS_PER_PURCHASE
from dataset.shop.oracle import ShopOracle
from dataset.shop.words import CATEGORIES, INGREDIENTS
from dataset.sources.shop import Shop

_DAY = 86_400


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop(n_users=600, n_items=150, n_days=400, events_per_user=80, seed=3)


@pytest.fixture(scope="module")
def tables(shop: Shop) -> Tables:
    return shop.read()


def oracle_of(tables: Tables) -> ShopOracle:
    assert isinstance(tables.oracle, ShopOracle)
    return tables.oracle


def seconds(stamps: "pd.Series[pd.Timestamp]") -> npt.NDArray[np.int64]:
    return stamps.dt.as_unit("s").astype("int64").to_numpy()


def merged(tables: Tables) -> pd.DataFrame:
    """Events with the attributes of their users and items."""
    return tables.interactions.merge(tables.items, on="item").merge(tables.users, on="user")


def assert_promises(tables: Tables, n_days: int, start: int) -> None:
    """What holds at every size: nothing before its time, nothing avoided is bought, contracts are kept."""
    events = merged(tables)
    assert len(events) == len(tables.interactions), "an event names an unknown user or item"
    time = seconds(events["timestamp"])
    assert (time >= seconds(events["launched_at"])).all()
    assert (time >= start).all()
    assert (time < start + n_days * _DAY).all()
    bought = events[events["kind"] == "purchase"]
    for ingredients, avoids in zip(bought["ingredients"], bought["avoids"], strict=True):
        assert not set(ingredients) & set(avoids)
    assert not bought.duplicated(["user", "timestamp"]).any()
    assert tables.users["user"].is_unique
    assert tables.items["item"].is_unique
    assert (tables.items["ingredients"].map(len).between(8, 30)).all()
    assert (tables.items["ingredients"].map(lambda names: len(set(names)) == len(names))).all()


@settings(max_examples=20, deadline=None)
@given(
    n_users=st.integers(1, 40),
    n_items=st.integers(1, 40),
    n_days=st.integers(1, 200),
    events=st.floats(0, 60),
    epoch_days=st.integers(1, 60),
    seed=st.integers(0, 2**32),
)
def test_promises_hold_at_any_size(
    n_users: int, n_items: int, n_days: int, events: float, epoch_days: int, seed: int
) -> None:
    shop = Shop(
        n_users=n_users,
        n_items=n_items,
        n_days=n_days,
        events_per_user=events,
        epoch_days=epoch_days,
        seed=seed,
    )
    tables = shop.read()
    assert (len(tables.users), len(tables.items)) == (n_users, n_items)
    assert_promises(tables, n_days, 18_993 * _DAY)


def test_promises_hold_in_a_middling_shop(tables: Tables) -> None:
    assert_promises(tables, 400, 18_993 * _DAY)


@pytest.mark.parametrize(
    ("n_users", "n_items", "n_days"), [(5, 3, 30), (1, 1, 1), (1, 50, 100), (50, 1, 100)]
)
def test_tiny_shops(n_users: int, n_items: int, n_days: int) -> None:
    tables = Shop(n_users=n_users, n_items=n_items, n_days=n_days, events_per_user=200).read()
    assert_promises(tables, n_days, 18_993 * _DAY)
    assert (tables.interactions["kind"] == "purchase").any()


def test_equal_seeds_give_equal_bytes_and_others_do_not(shop: Shop, tables: Tables, tmp_path: Path) -> None:
    again, other = shop.read(), Shop(n_users=600, n_items=150, n_days=400, events_per_user=80, seed=4).read()
    for name in ("users", "items", "interactions"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(tables, name), check_exact=True)
    assert not tables.items["ingredients"].equals(other.items["ingredients"])
    oracle_of(tables).save(tmp_path / "a")
    oracle_of(again).save(tmp_path / "b")
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) > 20
    for path in files:
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes(), path


def test_more_users_leave_the_catalogue_as_it_was(tables: Tables) -> None:
    more = Shop(n_users=700, n_items=150, n_days=400, events_per_user=5, seed=3).read()
    pd.testing.assert_frame_equal(more.items, tables.items)


def bought_rows(events: pd.DataFrame) -> pd.DataFrame:
    """Who bought what when; how many at once is drawn with what happens around it."""
    bought = events.loc[events["kind"] == "purchase", ["user", "item", "timestamp"]]
    return bought.sort_values(["user", "timestamp"], ignore_index=True)


@pytest.mark.parametrize(("cohort", "rows"), [(600, 7_001), (150, 1_000)])
def test_cohorts_keep_the_promises_and_leave_what_was_bought_as_it_was(
    shop: Shop, tables: Tables, monkeypatch: pytest.MonkeyPatch, cohort: int, rows: int
) -> None:
    monkeypatch.setattr(generating, "COHORT", cohort)
    monkeypatch.setattr(generating, "_ROWS", rows)
    generated = shop.in_parts()
    parts = list(generated.parts())
    assert max(map(len, parts)) <= rows
    assert len(parts) >= -(-600 // cohort)
    whole = generated.whole()
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole.interactions, check_exact=True)
    pd.testing.assert_frame_equal(bought_rows(whole.interactions), bought_rows(tables.interactions))
    assert whole.interactions.equals(tables.interactions) == (cohort == 600)
    place = pd.Series(range(600), index=whole.users["user"])
    assert whole.interactions["user"].map(place).floordiv(cohort).is_monotonic_increasing
    assert len(whole.interactions) == pytest.approx(len(tables.interactions), rel=0.02)
    assert_promises(whole, 400, 18_993 * _DAY)


def test_later_cohorts_leave_the_events_of_the_first_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens around the purchases of a cohort hangs on these alone, not on who else there is."""
    monkeypatch.setattr(generating, "COHORT", 40)
    generated = Shop(n_users=90, n_items=30, n_days=200, events_per_user=30, seed=5).in_parts()
    fewer = replace(generated, plan=replace(generated.plan, n_users=80))
    parts = list(generated.parts())
    assert len(parts) == 3
    for one, other in zip(parts, fewer.parts(), strict=False):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert not parts[0]["timestamp"].head(50).equals(parts[1]["timestamp"].head(50))


def test_kinds_come_in_their_proportions(tables: Tables) -> None:
    counts = tables.interactions["kind"].value_counts()
    assert set(counts.index) == set(KINDS)
    share = counts / counts["purchase"]
    assert 2 < share["view"] < 3
    for kind, expected in {"save": 0.3, "search": 0.3, "rating": 0.3, "like": 0.2}.items():
        assert share[kind] == pytest.approx(expected, abs=0.05)
    assert len(tables.interactions) == pytest.approx(600 * 80, rel=0.2)
    assert counts["purchase"] * EVENTS_PER_PURCHASE == pytest.approx(len(tables.interactions), rel=0.05)


def test_values_are_ratings_and_ratings_tell_of_the_match(tables: Tables) -> None:
    events = merged(tables)
    rated = events["kind"] == "rating"
    assert events.loc[rated, "value"].isin([1, 2, 3, 4, 5]).all()
    assert events.loc[~rated, "value"].isna().all()
    ratings = events[rated]
    treats = [bool(set(c) & set(f)) for c, f in zip(ratings["concerns"], ratings["functions"], strict=True)]
    by_match = ratings["value"].groupby(np.array(treats)).mean()
    assert by_match[True] > by_match[False] + 0.3


def test_some_users_are_cold_at_a_late_cutoff_and_some_never_come(tables: Tables) -> None:
    bought = tables.interactions[tables.interactions["kind"] == "purchase"]
    first = seconds(bought.groupby("user")["timestamp"].min())
    late = (first >= (18_993 + 320) * _DAY).sum() / 600
    assert 0.08 < late < 0.25
    assert 0 < 600 - tables.interactions["user"].nunique() < 90
    purchases = bought["user"].value_counts()
    assert purchases.max() > 6 * purchases.median(), "activity must be heavy-tailed"


def test_order_and_ids_carry_no_information(tables: Tables) -> None:
    events = tables.interactions
    rows = np.arange(len(events))
    assert abs(np.corrcoef(rows, seconds(events["timestamp"]))[0, 1]) < 0.03
    sales = events["item"].value_counts().reindex(tables.items["item"], fill_value=0).to_numpy()
    number = tables.items["item"].str.slice(1).astype(int).to_numpy()
    ranks = [np.argsort(np.argsort(x)) for x in (number, sales, np.arange(150))]
    assert abs(np.corrcoef(ranks)[np.triu_indices(3, 1)]).max() < 0.3


def test_a_new_item_sells_from_the_epoch_after_its_launch(tables: Tables) -> None:
    new = tables.items.loc[seconds(tables.items["launched_at"]) > 18_993 * _DAY, "item"]
    assert len(new) == pytest.approx(60, abs=25)
    bought = merged(tables).query("kind == 'purchase'")
    bought = bought[bought["item"].isin(new)]
    assert len(bought) > 100


def test_repurchases_wait_until_the_product_is_used_up(tables: Tables) -> None:
    bought = tables.interactions[tables.interactions["kind"] == "purchase"].merge(tables.items, on="item")
    bought = bought.sort_values(["user", "item", "timestamp"])
    wait = bought.groupby(["user", "item"])["timestamp"].diff().dt.days
    days = bought["category"].map({kind.path: kind.replenish_days for kind in CATEGORIES})
    due = (wait / days).dropna()
    assert len(due) > 200
    assert ((due > 0.6) & (due < 2.2)).mean() > 0.6


def test_cleaning_finds_nothing_and_the_oracle_follows_the_codes(tables: Tables) -> None:
    cleaned, quarantine = clean(tables)
    assert not len(quarantine.rows)
    dataset = encode(cleaned, "shop")
    assert isinstance(dataset.oracle, ShopOracle)
    user = np.arange(0, 600, 7, dtype=np.int32)
    time = np.full(len(user), (18_993 + 300) * _DAY)
    coded = dataset.oracle.probabilities(user, time)
    rows = tables.users.reset_index().set_index("user").loc[dataset.user_ids.decode(user), "index"].to_numpy()
    columns = tables.items.reset_index().set_index("item").loc[list(dataset.item_ids.ids), "index"].to_numpy()
    np.testing.assert_array_equal(coded, oracle_of(tables).probabilities(rows, time)[:, columns])


def test_the_words_are_normalised_names() -> None:
    assert [normalise([name]) for name in INGREDIENTS] == [[name] for name in INGREDIENTS]


def test_the_oracle_survives_disk(tables: Tables, tmp_path: Path) -> None:
    oracle = oracle_of(tables)
    oracle.save(tmp_path)
    user, time = np.arange(20), np.full(20, (18_993 + 200) * _DAY)
    np.testing.assert_array_equal(load(tmp_path).probabilities(user, time), oracle.probabilities(user, time))


def test_the_configuration_is_the_specification() -> None:
    content = OmegaConf.to_container(OmegaConf.load(Path(__file__).parents[2] / "conf/dataset/shop.yaml"))
    assert isinstance(content, dict)
    assert content.pop("_target_") == "dataset.sources.shop.Shop"
    shop = Shop(**{str(name): value for name, value in content.items()})
    assert shop.inputs() == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_users", 0),
        ("n_items", "ten"),
        ("n_days", 0),
        ("events_per_user", -1),
        ("events_per_user", float("nan")),
        ("late_share", 1.5),
        ("epoch_days", 0),
        ("seed", -1),
        ("start", "soon"),
        ("start", 2022),
    ],
)
def test_wrong_parameters_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=f"'{name}' parameter of Shop"):
        Shop(**{name: value})
