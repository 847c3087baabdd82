"""Fit to the history against a loop over candidates and events."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

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
        paid = log_price[history.item[own]]
        w, paid = weight[~np.isnan(paid)], paid[~np.isnan(paid)]
        if not len(paid) or np.isnan(log_price[item]):
            assert np.isnan([got["price_distance"], got["price_z"]]).all()
            continue
        mean = (w * paid).sum() / w.sum()
        deviation = np.sqrt(((w * (paid - mean) ** 2).sum() + variance) / (w.sum() + 1))
        assert got["price_distance"] == pytest.approx(abs(log_price[item] - mean), abs=1e-5)
        assert got["price_z"] == pytest.approx((log_price[item] - mean) / deviation, abs=1e-4)


def test_overlap_is_the_mean_cosine_with_the_history(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    fitted = Affinity(step_decay=1.0).fit(snapshot, {}, ())
    values = fitted.transform(requests, candidates)
    for name in ("ingredients", "functions"):
        words = np.zeros((len(snapshot.items), fitted.words[name].shape[1]))
        words[snapshot.known_items] = fitted.words[name].toarray()
        expected = [
            mean_cosine(words, requests.history, query, item)
            for query, item in zip(candidates.query, candidates.item, strict=True)
        ]
        np.testing.assert_allclose(values[:, fitted.names.index(f"{name}_overlap")], expected, atol=1e-6)


def mean_cosine(words, history, query, item) -> float:  # type: ignore[no-untyped-def]
    own = slice(history.offsets[query], history.offsets[query + 1])
    theirs = words[history.item[own]]
    weight = history.weight[own] * theirs.any(axis=1)
    if not words[item].any() or weight.sum() == 0:
        return NAN
    return float(weight @ theirs @ words[item] / weight.sum())


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
        out = np.full((c[-1] - c[0], 3), -7, np.float32)
        args = h - h[0], label[mine], weight[mine]
        label_shares(*args, step[mine], c - c[0], candidate[theirs], n_labels, out[:, :2])
        word_overlap(*args, c - c[0], candidate[theirs], matrix, 5, out[:, 2])
        return out

    alone = np.concatenate([run(slice(q, q + 1)) for q in range(m)])
    np.testing.assert_array_equal(run(slice(0, m)), alone)
