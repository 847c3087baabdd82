"""Demand for brands and categories against a loop over labels."""

from dataclasses import replace

import numpy as np
import pytest

from dataset.errors import ParameterError
from dataset.ragged import Categorical
from features.item_table import ItemTable
from features.label_popularity import LabelPopularity

WINDOWS = (7, 30, 60)
DAY = 86_400


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_columns_are_those_of_a_loop(shop, seed: int) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(seed, n_users=40)
    fitted = LabelPopularity(windows_days=WINDOWS, smoothing=2.0).fit(snapshot, {}, ())
    got = dict(zip(fitted.names, fitted.table.T, strict=True))
    known, history, weight = snapshot.known_items, snapshot.history, snapshot.history_weight
    age = (snapshot.cutoff - history.time) / DAY
    for name in ("brand", "category"):
        label = getattr(snapshot.items, name).codes
        assert (label[known] < 0).any()

        def count(chosen, days):  # type: ignore[no-untyped-def]
            return float(weight[chosen & (age <= days)].sum())

        total = {
            code: {days: count(label[history.item] == code, days) for days in WINDOWS}
            for code in set(label[known]) - {-1}
        }
        for row, item in enumerate(known):
            code = label[item]
            columns = {column: got[f"{name}_{column}"][row] for column in (
                "share_7d", "share_30d", "share_60d", "trend_7d", "trend_30d", "percentile_60d")}  # fmt: skip
            if code < 0:
                assert np.isnan(list(columns.values())).all()
                continue
            equal = 1 / (label[known] == code).sum()
            for days in WINDOWS:
                share = (count(history.item == item, days) + 2 * equal) / (total[code][days] + 2)
                assert columns[f"share_{days}d"] == pytest.approx(share, rel=1e-5)
            for days in WINDOWS[:-1]:
                usual = sum(of[days] for of in total.values()) / sum(of[60] for of in total.values())
                rate, usual = total[code][days] + 2 * usual, (total[code][60] + 2) * usual
                assert columns[f"trend_{days}d"] == pytest.approx(np.log(rate / usual), abs=1e-5)
            longest = np.array([of_label[60] for of_label in total.values()])
            below, ties = (longest < total[code][60]).sum(), (longest == total[code][60]).sum()
            assert columns["percentile_60d"] == pytest.approx((below + ties / 2) / len(longest))


def test_shares_of_a_label_add_up_to_one(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    fitted = LabelPopularity().fit(snapshot, {}, ())
    brand = snapshot.items.brand.codes[snapshot.known_items]
    for days in (30, 365):
        share = fitted.table[:, fitted.names.index(f"brand_share_{days}d")]
        sums = np.bincount(brand[brand >= 0], weights=share[brand >= 0])
        np.testing.assert_allclose(sums[np.unique(brand[brand >= 0])], 1, rtol=1e-5)


def test_labels_of_items_to_come_do_not_count(shop) -> None:  # type: ignore[no-untyped-def]
    """A code that no known item has takes no place among the percentiles."""
    snapshot = shop.snapshot()
    brand = np.where(snapshot.catalogue, 3 * snapshot.items.brand.codes, 1).astype(np.int32)
    brand[brand < 0] = -1
    names = tuple("abcdefghijkl")
    spread = replace(snapshot, items=replace(snapshot.items, brand=Categorical(brand, names)))
    one, other = (LabelPopularity().fit(each, {}, ()).table for each in (snapshot, spread))
    np.testing.assert_array_equal(one, other)


def test_without_labels_nothing_is_known(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    nothing = Categorical(np.full(len(snapshot.items), -1, np.int32), ())
    bare = replace(snapshot, items=replace(snapshot.items, brand=nothing, category=nothing))
    fitted = LabelPopularity().fit(bare, {}, ())
    assert fitted.names == LabelPopularity().fit(snapshot, {}, ()).names
    assert np.isnan(fitted.table).all()


def test_items_to_come_have_no_statistics(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(n_events=60)
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests, 18)
    values = LabelPopularity().fit(snapshot, {}, ()).transform(requests, candidates)
    known = snapshot.catalogue[candidates.item]
    assert 0 < known.sum() < len(known)
    assert np.isnan(values[~known]).all()
    branded = snapshot.items.brand.codes[candidates.item] >= 0
    assert np.isfinite(values[known & branded, 0]).all()


@pytest.mark.parametrize("change", [{}, {"n_events": 0}, {"n_items": 1}], ids=str)
def test_what_was_saved_comes_back(shop, change, tmp_path) -> None:  # type: ignore[no-untyped-def]
    fitted = LabelPopularity().fit(shop.snapshot(**change), {}, ())
    assert not np.isinf(fitted.table).any()
    fitted.save(tmp_path)
    loaded = ItemTable.load(tmp_path)
    assert loaded.names == fitted.names
    np.testing.assert_array_equal(loaded.table, fitted.table)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_the_future_and_the_codes_change_nothing(shop, seed: int) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(seed)
    fitted = LabelPopularity().fit(snapshot, {}, ())
    poisoned = LabelPopularity().fit(shop.snapshot(seed, poisoned=True), {}, ())
    np.testing.assert_array_equal(poisoned.table, fitted.table)
    rng = np.random.default_rng(seed)
    user, item = rng.permutation(len(snapshot.users)), rng.permutation(len(snapshot.items))
    other = LabelPopularity().fit(shop.recoded(snapshot, user, item), {}, ())
    row = other.items.rows(item[snapshot.known_items].astype(np.int32))
    np.testing.assert_allclose(other.table[row], fitted.table, rtol=1e-6)


@pytest.mark.parametrize(
    "wrong", [{"windows_days": [30, 7]}, {"windows_days": []}, {"smoothing": 0}], ids=str
)
def test_parameters_are_checked(wrong: dict[str, object]) -> None:
    with pytest.raises(ParameterError, match=f"'{next(iter(wrong))}' parameter of LabelPopularity must be"):
        LabelPopularity(**wrong)  # type: ignore[arg-type]
