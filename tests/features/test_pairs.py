"""Counts of pairs against loops over users, events and candidates."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.errors import ParameterError
from features.lookup import Lookup
from features.pair_counts import PairCounts
from features.pairs import FittedPairs, Pairs
from features.trails import Reach, Trails

DAY = 86_400
NAN = float("nan")
RELATIONS = ("next", "near", "together", "bundle")
SPECS = (
    Pairs(),
    Pairs(window=2, gap_decay=0.5, bundle_days=3, step_decay=0.8, max_history=4, max_events=6, smoothing=0.3),
    Pairs(window=1, bundle_days=0, max_history=1, max_events=1),
)


def trail_of(snapshot, user, spec):  # type: ignore[no-untyped-def]
    """Moments of a user, oldest first: (time, [(item, weight), ...]), without those that hold too much."""
    moments = defaultdict(list)
    for at in np.flatnonzero(snapshot.history.user == user):
        moments[int(snapshot.history.time[at])].append(
            (int(snapshot.history.item[at]), float(snapshot.history_weight[at]))
        )
    return [(time, taken) for time, taken in sorted(moments.items()) if len(taken) <= spec.max_events]


def values_of(relation, moments, spec):  # type: ignore[no-untyped-def]
    """What each occurrence of a pair of one user counts: (source, target, value), event by event."""
    if relation in ("together", "bundle"):
        n_kept, room = 0, spec.max_events
        for _, taken in reversed(moments):
            room -= len(taken)
            n_kept += room >= 0
        moments = moments[len(moments) - n_kept :]
    for a, (time, taken) in enumerate(moments):
        for b, (other_time, other_taken) in enumerate(moments):
            between = sum(len(skipped) for _, skipped in moments[a + 1 : b])
            factor = {
                "next": float(0 <= b - a <= 1),
                "near": spec.gap_decay**between if b >= a and between < spec.window else 0.0,
                "together": 1.0,
                "bundle": float(abs(time - other_time) <= spec.bundle_days * DAY),
            }[relation]
            for i, (source, weight) in enumerate(taken):
                for j, (target, other_weight) in enumerate(other_taken):
                    if factor and source != target and (a, i) != (b, j):
                        yield source, target, factor * weight * other_weight


def counts_of(snapshot, relation, spec):  # type: ignore[no-untyped-def]
    """Dense counts, each user once a pair."""
    counts = np.zeros((len(snapshot.items), len(snapshot.items)))
    for user in range(len(snapshot.users)):
        best = defaultdict(float)
        for source, target, value in values_of(relation, trail_of(snapshot, user, spec), spec):
            best[source, target] = max(best[source, target], value)
        for pair, value in best.items():
            counts[pair] += value
    return counts


def five_columns(counts, item, events, spec):  # type: ignore[no-untyped-def]
    """Newest, max, sum, links, lift of a candidate; `events`: (item, weight, step)."""
    degree, into, total = counts.sum(axis=1), counts.sum(axis=0), max(counts.sum(), 1e-12)
    own = [(source, weight, step, counts[source, item]) for source, weight, step in events]
    newest = [count for _, _, step, count in own if step == 0]
    linked = {source: count for source, _, _, count in own if count}
    ratios = [
        (count + spec.smoothing) / (degree[source] * into[item] / total + spec.smoothing)
        for source, count in linked.items()
    ]
    return [
        np.log1p(max(newest)) if newest else NAN,
        np.log1p(max(count for *_, count in own)),
        sum(w * spec.step_decay**step * c / np.sqrt(degree[s]) for s, w, step, c in own if c),
        len(linked),
        np.log(max(ratios)) if ratios else 0,
    ]


@pytest.mark.parametrize("spec", SPECS, ids=range(len(SPECS)))
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_columns_are_those_of_loops(shop, spec: Pairs, seed: int) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(seed, n_users=16, n_items=20, n_events=300)
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests, 12)
    fitted = spec.fit(snapshot, {}, ())
    values = fitted.transform(requests, candidates)
    tables = {relation: counts_of(snapshot, relation, spec) for relation in RELATIONS}
    together, history = tables["together"].sum(axis=0), requests.history
    assert not (values[:, [fitted.names.index(f"{name}_links") for name in RELATIONS]] > 0).all()
    for query, item, row in zip(candidates.query, candidates.item, values, strict=True):
        got = dict(zip(fitted.names, row, strict=True))
        if not snapshot.catalogue[item]:
            assert np.isnan(row).all()
            continue
        last = history.offsets[query + 1]
        own = slice(max(history.offsets[query], last - spec.max_history), last)
        events = list(zip(history.item[own], history.weight[own], history.step[own], strict=True))
        for relation, counts in tables.items():
            expected = five_columns(counts, item, events, spec) if events else [NAN] * 5
            found = [got[f"{relation}_{part}"] for part in ("newest", "max", "sum", "links", "lift")]
            np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6, err_msg=relation)
        assert got["degree"] == pytest.approx(np.log1p(together[item]), abs=1e-5)
        newest = [together[i] for i in history.item[history.offsets[query] : last][history.step[
            history.offsets[query] : last] == 0]]  # fmt: skip
        np.testing.assert_allclose(got["newest_degree"], np.log1p(max(newest)) if newest else NAN, atol=1e-5)


def test_every_relation_says_something_of_its_own(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(n_users=16, n_items=20, n_events=300)
    counts = [counts_of(snapshot, relation, Pairs()) for relation in RELATIONS]
    for at, one in enumerate(counts):
        assert np.count_nonzero(one)
        assert all(not np.array_equal(one, other) for other in counts[:at])


def test_the_most_frequent_pairs_are_kept(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(n_items=30, n_events=400)
    whole, cut = (Pairs(neighbours=k).fit(snapshot, {}, ()).counts["together"] for k in (500, 3))
    np.testing.assert_array_equal(cut.source_degree, whole.source_degree)
    np.testing.assert_array_equal(cut.target_degree, whole.target_degree)
    assert np.diff(whole.offsets).max() > 6
    for source in range(len(snapshot.known_items)):
        own = slice(whole.offsets[source], whole.offsets[source + 1])
        entries = sorted(zip(-whole.count[own], whole.target[own], strict=True))[:3]
        kept = slice(cut.offsets[source], cut.offsets[source + 1])
        assert cut.target[kept].tolist() == sorted(target for _, target in entries)
        np.testing.assert_array_equal(cut.count[kept], [-c for c, _ in sorted(entries, key=lambda e: e[1])])


def chain(user: list[int], time: list[int], row: list[int]) -> Trails:
    """Events of weight 1."""
    columns = np.array(user, np.int32), np.array(time, np.int64) * DAY, np.array(row, np.int32)
    return Trails(*columns, np.ones(len(user), np.float32), max(row, default=-1) + 1)


def dense(trails: Trails, reach: Reach) -> np.ndarray:
    counts = PairCounts.of(trails, reach, 100)
    out = np.zeros((trails.n_items, trails.n_items))
    out[np.repeat(np.arange(trails.n_items), np.diff(counts.offsets)), counts.target] = counts.count
    return out


def test_a_user_counts_once_a_pair() -> None:
    """To and fro between two items says little more than once there and back."""
    trails = chain([0] * 6 + [1, 1], [0, 1, 2, 3, 4, 5, 0, 1], [0, 1, 0, 1, 0, 1, 0, 1])
    np.testing.assert_array_equal(dense(trails, trails.ahead(1, 1.0)), [[0, 2], [1, 0]])
    np.testing.assert_array_equal(dense(trails, trails.anywhere()), [[0, 2], [2, 0]])


def test_a_gap_is_the_events_between_whatever_the_moments_hold() -> None:
    """Item 0, then 1 and 2 at once, then 3: the two stand beside each other, and both between 0 and 3."""
    trails = chain([0] * 4, [0, 1, 1, 2], [0, 1, 2, 3])
    expected = [[0, 1, 1, 0.25], [0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]]
    np.testing.assert_array_equal(dense(trails, trails.ahead(3, 0.5)), expected)
    expected[0][3] = 0
    np.testing.assert_array_equal(dense(trails, trails.ahead(2, 0.5)), expected)
    np.testing.assert_array_equal(dense(trails, trails.ahead(1, 0.5)), expected)


def test_a_bundle_ends_at_its_last_second_and_at_its_user() -> None:
    trails = chain([0, 0, 0, 1], [0, 2, 5, 5], [0, 1, 2, 3])
    near = np.zeros((4, 4))
    near[0, 1] = near[1, 0] = 1
    np.testing.assert_array_equal(dense(trails, trails.within(2)), near)
    np.testing.assert_array_equal(dense(trails, trails.within(1.999)), np.zeros((4, 4)))
    near[1, 2] = near[2, 1] = 1
    np.testing.assert_array_equal(dense(trails, trails.within(3)), near)
    np.testing.assert_array_equal(dense(trails, trails.within(1e300)), dense(trails, trails.anywhere()))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), max_size=25), st.integers(1, 6))
def test_caps_leave_whole_moments(events: list[tuple[int, int]], cap: int) -> None:
    """What is kept of a user is a suffix of whole moments, as long as the cap allows."""
    events = sorted(events)
    trails = chain([u for u, _ in events], [t for _, t in events], list(range(len(events))))
    kept = set(trails.newest(cap).row.tolist())
    for user in {u for u, _ in events}:
        own = [at for at, event in enumerate(events) if event[0] == user]
        sizes = np.cumsum([sum(events[at][1] == t for at in own) for t in sorted(
            {events[at][1] for at in own}, reverse=True)])  # fmt: skip
        room = max([0, *sizes[sizes <= cap]])
        assert kept & set(own) == set(own[len(own) - room :])


def test_items_unknown_in_a_request_are_passed_over(shop) -> None:  # type: ignore[no-untyped-def]
    """A request may know of an event that nothing was fitted on, and of an item that was not known then."""
    snapshot = shop.snapshot()
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    fitted = Pairs().fit(snapshot, {}, ())
    usual = fitted.transform(requests, candidates)
    unknown = np.flatnonzero(~snapshot.catalogue)[0]
    newest = requests.history.step == 0
    history = replace(
        requests.history, item=np.where(newest, unknown, requests.history.item).astype(np.int32)
    )
    values = fitted.transform(replace(requests, history=history), candidates)
    warm = snapshot.is_warm[candidates.query] & snapshot.catalogue[candidates.item]
    columns = [at for at, name in enumerate(fitted.names) if "newest" in name]
    assert np.isnan(values[:, columns]).all()
    assert not np.isnan(usual[warm]).any()
    older = np.bincount(history.query[~newest], minlength=len(requests))[candidates.query] > 0
    rest = [at for at in range(len(fitted.names)) if at not in columns]
    assert not np.isnan(values[np.ix_(warm & older, rest)]).any()


def test_events_that_weigh_nothing_say_nothing(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    silent = replace(snapshot, event_weights=np.zeros(6, np.float32))
    fitted = Pairs().fit(silent, {}, ())
    requests = silent.requests()
    candidates = shop.candidates(silent, requests)
    values = dict(zip(fitted.names, fitted.transform(requests, candidates).T, strict=True))
    known = silent.catalogue[candidates.item]
    assert (values.pop("degree")[known] == 0).all()
    assert np.isnan(np.column_stack(list(values.values()))).all()


@pytest.mark.parametrize("change", [{"n_events": 0}, {"n_items": 1}, {"n_users": 1, "n_events": 3}], ids=str)
def test_nothing_to_count_gives_zeros(shop, change, tmp_path) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot(**change)
    fitted = Pairs().fit(snapshot, {}, ())
    fitted.save(tmp_path)
    requests = snapshot.requests()
    candidates = shop.candidates(snapshot, requests)
    values = FittedPairs.load(tmp_path).transform(requests, candidates)
    np.testing.assert_array_equal(values, fitted.transform(requests, candidates))
    assert not np.isinf(values).any()
    cold = ~snapshot.is_warm[candidates.query]
    degree = fitted.names.index("degree")
    assert np.isnan(np.delete(values, degree, axis=1)[cold]).all()
    assert (np.isnan(values[:, degree]) == ~snapshot.catalogue[candidates.item]).all()


def test_what_is_kept_grows_with_known_items_alone(shop) -> None:  # type: ignore[no-untyped-def]
    snapshot = shop.snapshot()
    fitted = Pairs().fit(snapshot, {}, ())
    assert len(fitted.items) == len(snapshot.known_items) < len(snapshot.items)
    assert all(len(counts.offsets) == len(fitted.items) + 1 for counts in fitted.counts.values())
    assert isinstance(fitted.items, Lookup)


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": 0}, {"neighbours": 1.5}, {"max_events": 0}, {"max_history": 0}, {"gap_decay": 0},
        {"step_decay": 1.1}, {"bundle_days": -1}, {"smoothing": 0},
    ],
    ids=str,
)  # fmt: skip
def test_parameters_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match=f"'{next(iter(wrong))}' parameter of Pairs must be"):
        Pairs(**wrong)  # type: ignore[arg-type]
