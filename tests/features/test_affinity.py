"""Fit to the history against a loop over candidates and events."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from dataset.ragged import Categorical
from dataset.words import repeat_weights
from features.affinity import Affinity
from features.affinity_kernels import label_shares, word_overlap
from features.categories import top_levels

NAN = float("nan")


def test_shares_and_prices_are_those_of_a_loop(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    fitted = Affinity(step_decay=0.8).fit(snapshot, {}, ())
    values = fitted.transform(requests, candidates)
    history, items = requests.history, snapshot.items
    labels = {"brand": items.brand.codes, "category": items.category.codes}
    labels["top_category"] = top_levels(items.category, 2).codes
    log_price = np.log(items.price)
    variance = np.nanvar(log_price[snapshot.known_items])
    for query, item, row in zip(candidates.query, candidates.item, values, strict=True):
        if not snapshot.catalogue[item]:
            assert np.isnan(row).all()
            continue
        got = dict(zip(fitted.names, row, strict=True))
        own = slice(history.offsets[query], history.offsets[query + 1])
        weight = history.weight[own] * 0.8 ** history.step[own]
        for name, codes in labels.items():
            mine, code = codes[history.item[own]], codes[item]
            for part, w in (("share", weight), ("newest", weight * (history.step[own] == 0))):
                total = w[mine >= 0].sum()
                share = w[mine == code].sum() / total if code >= 0 and total > 0 else NAN
                np.testing.assert_allclose(got[f"{name}_{part}"], share, rtol=1e-5)
            number = np.log1p((mine == code).sum()) if code >= 0 and (mine >= 0).any() else NAN
            np.testing.assert_allclose(got[f"{name}_count"], number, rtol=1e-6)
        paid = log_price[history.item[own]]
        w, paid = weight[~np.isnan(paid)], paid[~np.isnan(paid)]
        if not len(paid) or np.isnan(log_price[item]):
            assert np.isnan([got["price_distance"], got["price_z"]]).all()
            continue
        mean = (w * paid).sum() / w.sum()
        deviation = np.sqrt(((w * (paid - mean) ** 2).sum() + variance) / (w.sum() + 1))
        assert got["price_distance"] == pytest.approx(abs(log_price[item] - mean), abs=1e-5)
        assert got["price_z"] == pytest.approx((log_price[item] - mean) / deviation, abs=1e-4)


WORDS = ("ingredients", "functions", "attributes")


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_overlaps_are_mean_and_greatest_cosines_with_the_history(shop, seed: int) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(seed)
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    fitted = Affinity(step_decay=1.0, max_history=5).fit(snapshot, {}, ())
    values = fitted.transform(requests, candidates)
    for name in WORDS:
        words = np.zeros((len(snapshot.items), fitted.words[name].shape[1]))
        words[snapshot.known_items] = fitted.words[name].toarray()
        expected = [
            cosines(words, requests.history, query, item, 5)
            for query, item in zip(candidates.query, candidates.item, strict=True)
        ]
        first = fitted.names.index(f"{name}_overlap")
        assert fitted.names[first + 1 : first + 3] == (f"{name}_overlap_max", f"{name}_overlap_newest")
        np.testing.assert_allclose(values[:, first : first + 3], expected, atol=1e-6)


def cosines(words, history, query, item, max_history) -> list[float]:  # type: ignore[no-untyped-def]
    """Weighted mean over the history, greatest of the latest events, greatest of the newest moment."""
    own = slice(history.offsets[query], history.offsets[query + 1])
    theirs = words[history.item[own]]
    spoken = theirs.any(axis=1)
    weight = history.weight[own] * spoken
    if not words[item].any() or weight.sum() == 0:
        return [NAN, NAN, NAN]
    cosine = theirs @ words[item]
    latest = spoken & (np.arange(len(cosine)) >= len(cosine) - max_history)
    newest = latest & (history.step[own] == 0)
    return [
        float(weight @ cosine / weight.sum()),
        max(cosine[latest], default=NAN),
        max(cosine[newest], default=NAN),
    ]


def test_words_are_weighted_by_a_power_of_their_rarity(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    known = snapshot.known_items
    counts = repeat_weights(snapshot.items.functions.lists.take(known)).toarray()
    idf = np.log((1 + len(known)) / (1 + (counts > 0).sum(axis=0))) + 1
    for power in (0, 1, 2.5):
        weights = counts * idf**power
        unit = weights / np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1e-12)
        fitted = Affinity(rarity_power=power).fit(snapshot, {}, ())
        np.testing.assert_allclose(fitted.words["functions"].toarray(), unit, atol=1e-6)


def test_attributes_are_functions_brand_and_levels_of_the_category(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    items = snapshot.items
    for item, row in zip(
        snapshot.known_items, Affinity().fit(snapshot, {}, ()).words["attributes"], strict=True
    ):
        brand, category = items.brand.codes[item], items.category.codes[item]
        levels = 1 + items.category.names[category].count(" > ") if category >= 0 else 0
        assert row.nnz == len(set(items.functions.words_of(item))) + (brand >= 0) + levels


def test_without_brand_and_category_attributes_are_functions(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    nothing = Categorical(np.full(len(snapshot.items), -1, np.int32), ())
    bare = replace(snapshot, items=replace(snapshot.items, brand=nothing, category=nothing))
    requests = bare.requests()
    candidates = shop.candidates(bare, requests)
    fitted = Affinity().fit(bare, {}, ())
    values = dict(zip(fitted.names, fitted.transform(requests, candidates).T, strict=True))
    for part in ("overlap", "overlap_max", "overlap_newest"):
        np.testing.assert_array_equal(values[f"attributes_{part}"], values[f"functions_{part}"])
        assert not np.isnan(values[f"attributes_{part}"]).all()


def test_events_that_weigh_nothing_say_nothing(shop) -> None:  # type: ignore[no-untyped-def]
    silent = replace(shop.snapshot(), event_weights=np.zeros(6, np.float32))
    requests = silent.requests()
    values = Affinity().fit(silent, {}, ()).transform(requests, shop.candidates(silent, requests))
    assert np.isnan(values).all()


@given(st.integers(0, 2**32 - 1))
def test_kernels_leave_nothing_behind_for_the_next_query(seed: int) -> None:
    """A block gives each query what it gets alone."""
    rng = np.random.default_rng(seed)
    m, n_labels = 4, 3
    events, found = rng.integers(0, 4, m), rng.integers(0, 4, m)
    history_offsets, candidate_offsets = (np.append(0, np.cumsum(x)) for x in (events, found))
    label, weight = rng.integers(-1, n_labels, events.sum(), np.int32), rng.random(events.sum(), np.float32)
    step, candidate = (
        rng.integers(0, 2, events.sum(), np.int32),
        rng.integers(-1, n_labels, found.sum(), np.int32),
    )
    words = sp.random(n_labels, 5, 0.5, "csr", np.float32, rng)
    matrix = (words.indptr.astype(np.int32), words.indices.astype(np.int32), words.data)

    def run(queries: slice) -> np.ndarray:
        h, c = (
            history_offsets[queries.start : queries.stop + 1],
            candidate_offsets[queries.start : queries.stop + 1],
        )
        mine, theirs = slice(h[0], h[-1]), slice(c[0], c[-1])
        out = np.full((c[-1] - c[0], 6), -7, np.float32)
        events = label[mine], weight[mine], step[mine]
        label_shares(h - h[0], *events, c - c[0], candidate[theirs], n_labels, out[:, :3])
        word_overlap(h - h[0], events, 2, c - c[0], candidate[theirs], matrix, 5, out[:, 3:])
        return out

    alone = np.concatenate([run(slice(q, q + 1)) for q in range(m)])
    np.testing.assert_array_equal(run(slice(0, m)), alone)
