"""Re-rankers against the long way: every choice is the best one that the caps let in."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset import persistence
from dataset.constraints import Constraints
from dataset.errors import ConfigurationError, ParameterError
from dataset.interactions import SECONDS_PER_DAY, Interactions
from dataset.items import UNKNOWN_TIME, Items
from dataset.queries import Qrels, Queries
from dataset.ragged import Categorical, Ragged, TokenLists
from dataset.ranked import Ranked
from dataset.snapshot import Snapshot
from dataset.splits.rules import Rules
from dataset.users import Users
from dataset.vectors import Vectors
from ranking.policy import Calibration, Caps, MarginalRelevance, NewItems, Policy
from ranking.policy.reranker import FittedReRanker

N_ITEMS, N_USERS, NOW = 9, 4, 1_700_000_000
PATHS = ("Hair", "Skin > Masks > Mud", "Skin > Masks > Sheet", "Skin > Serums")


def shop(seed: int) -> Snapshot:
    """A moment of a small shop; about half of its users have a history."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 12))
    launched = NOW - rng.integers(1, 90, N_ITEMS) * SECONDS_PER_DAY
    events = Interactions(
        user=rng.integers(0, N_USERS, n).astype(np.int32),
        item=rng.integers(0, N_ITEMS, n).astype(np.int32),
        kind=rng.choice([0, 1, 4], n).astype(np.int8),
        value=np.full(n, np.nan, np.float32),
        time=NOW - rng.integers(1, 90, n) * SECONDS_PER_DAY,
    ).sorted()
    users = Users(
        numeric={}, categorical={}, concerns=TokenLists.empty(N_USERS), avoids=TokenLists.empty(N_USERS)
    )
    items = Items(
        brand=Categorical(rng.integers(-1, 3, N_ITEMS).astype(np.int32), tuple("abc")),
        category=Categorical(rng.integers(-1, 4, N_ITEMS).astype(np.int32), PATHS),
        price=np.ones(N_ITEMS, np.float32),
        in_stock=np.ones(N_ITEMS, bool),
        launched=np.where(rng.random(N_ITEMS) < 0.4, UNKNOWN_TIME, launched),
        ingredients=TokenLists.empty(N_ITEMS),
        functions=TokenLists.empty(N_ITEMS),
    )
    return Snapshot(
        name="now",
        cutoff=NOW,
        history=events,
        queries=Queries(np.arange(N_USERS, dtype=np.int32), np.full(N_USERS, NOW, np.int64)),
        truth=Qrels(Ragged.empty(N_USERS), np.zeros(0, np.int8)),
        users=users,
        items=items,
        catalogue=rng.random(N_ITEMS) < 0.9,
        event_weights=Rules()._weights,
        owned_kinds=(),
    )


def random_order(seed: int) -> Ranked:
    """Orders of 0 to 9 items with scores that are often equal."""
    rng = np.random.default_rng(seed)
    items = np.array([rng.permutation(N_ITEMS) for _ in range(N_USERS)], np.int32)
    scores = -np.sort(-rng.choice([-2.5, 0, 0.25, 1, 40], (N_USERS, N_ITEMS)), axis=1).astype(np.float32)
    behind = np.arange(N_ITEMS) >= rng.integers(0, N_ITEMS + 1, N_USERS)[:, None]
    items[behind], scores[behind] = -1, -np.inf
    return Ranked(items, scores)


def embeddings(seed: int, *, one_hot: bool) -> dict[str, Vectors]:
    """Two of them, neither of which has placed every item."""
    rng = np.random.default_rng(seed)
    made = {}
    for name in ("ingredients", "functionality"):
        rows = np.eye(3)[rng.integers(0, 3, N_ITEMS)] if one_hot else rng.normal(size=(N_ITEMS, 3))
        placed = np.flatnonzero(rng.random(N_ITEMS) < 0.8).astype(np.int32)
        made[name] = Vectors(placed, rows[placed].astype(np.float32))
    return made


def worth(scores: npt.NDArray[np.float32], n: int) -> list[float]:
    low, high = (float(scores[n - 1]), float(scores[0])) if n else (0.0, 0.0)
    return [(float(score) - low) / (high - low) if high > low else 1.0 for score in scores[:n]]


def keeps(items: Items, constraints: Constraints, listed: list[int]) -> bool:
    for labels, cap in ((items.brand, constraints.max_a_brand), (items.category, constraints.max_a_category)):
        codes = labels.codes[listed]
        if cap is not None and (np.bincount(codes[codes >= 0], minlength=1) > cap).any():
            return False
    return True


def caps_of(constraints: Constraints, snapshot: Snapshot) -> Caps:
    return Caps.of(constraints, snapshot.items) or Caps.none(N_ITEMS)


def check_greedy(
    snapshot: Snapshot,
    order: Ranked,
    places: npt.NDArray[np.int32],
    constraints: Constraints,
    k: int,
    depth: int | None,
    value: Any,
    tolerance: float,
) -> None:
    """Place by place, the choice is the first of the best; what is left comes as it was.

    `value(row, worth, chosen, item)`: of a choice after the items chosen; worth is that of its place.
    """
    for row, own in enumerate(places):
        there = order.items[row][order.items[row] >= 0].tolist()
        n = len(there) if depth is None else min(len(there), depth)
        worths = worth(order.scores[row], n)
        chosen: list[int] = []
        while len(chosen) < min(n, k):
            listed = [there[at] for at in chosen]
            values = {
                at: value(row, worths[at], listed, there[at])
                for at in range(n)
                if at not in chosen and keeps(snapshot.items, constraints, [*listed, there[at]])
            }
            if not values:
                break
            at = int(own[len(chosen)])
            best = max(values.values())
            assert values[at] >= best - tolerance
            if tolerance == 0:
                assert at == min(other for other, found in values.items() if found == best)
            chosen.append(at)
        rest = [at for at in range(len(own)) if at not in chosen]
        assert own.tolist() == chosen + rest


depths = st.one_of(st.none(), st.integers(1, 10))
caps = st.one_of(st.none(), st.integers(1, 2))
limits = st.builds(Constraints, max_a_brand=caps, max_a_category=caps)
shares = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.77, 1.0])


@settings(max_examples=50)
@given(
    seed=st.integers(0, 10_000),
    limit=limits,
    k=st.integers(1, 11),
    depth=depths,
    trade_off=shares,
    one_hot=st.booleans(),
)
def test_each_place_goes_to_the_greatest_marginal_relevance(
    seed: int, limit: Constraints, k: int, depth: int | None, trade_off: float, one_hot: bool
) -> None:
    snapshot, order, vectors = shop(seed), random_order(seed), embeddings(seed, one_hot=one_hot)
    weights = {"ingredients": 1.0} if one_hot else {"ingredients": 1.0, "functionality": 3.0}
    spec = MarginalRelevance(trade_off=trade_off, vectors=weights, depth=depth)
    fitted = spec.fit(snapshot, vectors)
    table = np.zeros((N_ITEMS, N_ITEMS))
    for name, weight in weights.items():
        rows = vectors[name].dense(N_ITEMS).astype(float)
        lengths = np.linalg.norm(rows, axis=1)
        product = np.outer(lengths, lengths)
        table += weight / sum(weights.values()) * (rows @ rows.T) / np.where(product > 0, product, 1)

    def cosine(a: int, b: int) -> float:
        return float(table[a, b])

    def value(row: int, own: float, chosen: list[int], item: int) -> float:
        nearest = max((cosine(item, other) for other in chosen), default=0.0)
        return trade_off * own - (1 - trade_off) * nearest

    places = fitted.reranked(snapshot.requests(), order, k, caps_of(limit, snapshot))
    check_greedy(snapshot, order, places, limit, k, depth, value, 0 if one_hot else 1e-6)
    for row, measured in enumerate(fitted.measured(snapshot.requests(), order)):
        pairs = [cosine(a, b) for a, b in combinations(order.items[row][order.items[row] >= 0], 2)]
        np.testing.assert_allclose(measured, np.mean(pairs) if pairs else np.nan, atol=1e-6)


@settings(max_examples=50)
@given(
    seed=st.integers(0, 10_000),
    limit=limits,
    k=st.integers(1, 11),
    depth=depths,
    trade_off=shares,
    levels=st.integers(1, 3),
    smoothing=st.sampled_from([0.01, 0.3]),
    half_life=st.sampled_from([None, 20.0]),
)
def test_each_place_goes_to_what_calibrates_best(
    seed: int,
    limit: Constraints,
    k: int,
    depth: int | None,
    trade_off: float,
    levels: int,
    smoothing: float,
    half_life: float | None,
) -> None:
    snapshot, order = shop(seed), random_order(seed)
    spec = Calibration(
        trade_off=trade_off, levels=levels, smoothing=smoothing, half_life_days=half_life, depth=depth
    )
    fitted = spec.fit(snapshot, {})

    def category(item: int) -> str | None:
        code = snapshot.items.category.codes[item]
        return None if code < 0 else " > ".join(PATHS[code].split(" > ")[:levels])

    def mix(user: int) -> dict[str, float]:
        events, weights = snapshot.history, {0: 1.0, 1: 1.0, 4: 0.2}
        found: dict[str, float] = {}
        for at in np.flatnonzero(events.user == user):
            if (name := category(events.item[at])) is not None:
                days = (NOW - int(events.time[at])) / SECONDS_PER_DAY
                factor = 1.0 if half_life is None else 0.5 ** (days / half_life)
                found[name] = found.get(name, 0.0) + weights[int(events.kind[at])] * factor
        return {name: mass / sum(found.values()) for name, mass in found.items()}

    mixes = [mix(user) for user in range(N_USERS)]

    def divergence(row: int, listed: list[int]) -> float:
        names, total = [category(item) for item in listed], 0.0
        for name, p in mixes[row].items():
            q = (1 - smoothing) * names.count(name) / len(names) + smoothing * p
            total += p * np.log(p / q)
        return total

    def value(row: int, own: float, chosen: list[int], item: int) -> float:
        if not mixes[row]:
            return -float(order.items[row].tolist().index(item))  # left alone
        return trade_off * own - (1 - trade_off) * divergence(row, [*chosen, item])

    requests = snapshot.requests()
    places = fitted.reranked(requests, order, k, caps_of(limit, snapshot))
    alone = [row for row in range(N_USERS) if not mixes[row]]
    assert (places[alone] == np.arange(N_ITEMS)).all()
    others = [row for row in range(N_USERS) if mixes[row]]
    for row in others:
        one = Ranked(order.items[[row]], order.scores[[row]])
        check_greedy(
            snapshot, one, places[[row]], limit, k, depth,
            lambda _, own, chosen, item, row=row: value(row, own, chosen, item), 1e-6,
        )  # fmt: skip
    for row, measured in enumerate(fitted.measured(requests, order)):
        listed = order.items[row][order.items[row] >= 0].tolist()
        expected = divergence(row, listed) if mixes[row] and listed else np.nan
        np.testing.assert_allclose(measured, expected, atol=1e-9)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    limit=limits,
    k=st.integers(1, 11),
    depth=depths,
    share=shares,
    days=st.sampled_from([10.0, 40.0, 80.0]),
)
def test_a_share_of_the_places_is_new(
    seed: int, limit: Constraints, k: int, depth: int | None, share: float, days: float
) -> None:
    snapshot, order = shop(seed), random_order(seed)
    fitted = NewItems(share=share, days=days, depth=depth).fit(snapshot, {})
    events = snapshot.history
    for item in range(N_ITEMS):
        seen = [int(snapshot.items.launched[item]), *events.time[events.item == item].tolist()]
        known = snapshot.catalogue[item] and min(seen) < UNKNOWN_TIME
        assert fitted.is_new[item] == (known and min(seen) >= NOW - days * SECONDS_PER_DAY)
    made = caps_of(limit, snapshot)
    places = fitted.reranked(snapshot.requests(), order, k, made)
    for row, own in enumerate(places):
        there = order.items[row][order.items[row] >= 0]
        assert sorted(own.tolist()) == list(range(N_ITEMS))
        assert own[len(there) :].tolist() == list(range(len(there), N_ITEMS))
        new = [int(item) for item in there[:depth] if fitted.is_new[item]]
        cut = made.cut(order.items[[row]][:, own], k)[0]
        listed = order.items[row][own][cut[cut >= 0]].tolist()
        assert cut[: len(listed)].tolist() == list(range(len(listed)))  # the cut takes what was chosen
        most = max(
            size
            for size in range(len(new) + 1)
            if any(keeps(snapshot.items, limit, list(some)) for some in combinations(new, size))
        )
        assert fitted.is_new[listed].sum() >= min(int(np.ceil(share * k - 1e-9)), most)
        if limit.max_a_brand is None and limit.max_a_category is None:
            for n in range(1, len(listed) + 1):
                assert fitted.is_new[listed[:n]].sum() >= min(int(share * n + 1e-9), len(new))
            for kind in (True, False):  # among themselves, new items and others keep their order
                at = [place for place in own[:k] if fitted.is_new[order.items[row][place]] == kind]
                assert at == sorted(at)


def test_a_new_item_gives_way_where_two_others_fit() -> None:
    snapshot = shop(0)
    brand = Categorical(np.array([0, 0, 1, *[-1] * 6], np.int32), ("a", "b"))
    category = Categorical(np.array([0, 1, 0, *[-1] * 6], np.int32), PATHS)
    snapshot = replace(snapshot, items=replace(snapshot.items, brand=brand, category=category))
    fitted = replace(NewItems(share=1.0).fit(snapshot, {}), is_new=np.arange(N_ITEMS) < 3)
    order = Ranked(np.array([[0, 8, 1, 7, 2]], np.int32), np.zeros((1, 5), np.float32))
    made = caps_of(Constraints(max_a_brand=1, max_a_category=1), snapshot)
    places = fitted.reranked(snapshot.requests(np.array([0])), order, 2, made)
    assert order.items[0, places[0]].tolist() == [1, 2, 0, 8, 7]


specs = st.sampled_from([
    MarginalRelevance(trade_off=1.0, depth=None),
    Calibration(trade_off=1.0, depth=None),
    NewItems(share=0.0),
])  # fmt: skip


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), limit=limits, k=st.integers(1, 11), spec=specs)
def test_the_end_of_each_scale_is_the_rankers_order(seed: int, limit: Constraints, k: int, spec: Any) -> None:
    snapshot, order = shop(seed), random_order(seed)
    fitted: FittedReRanker = spec.fit(snapshot, embeddings(seed, one_hot=False))
    made = caps_of(limit, snapshot)
    places = fitted.reranked(snapshot.requests(), order, k, made)
    items = np.take_along_axis(order.items, places, axis=1)
    for before, after in zip(order.items, items, strict=True):
        one, other = made.cut(before[None], k)[0], made.cut(after[None], k)[0]
        assert before[one[one >= 0]].tolist() == after[other[other >= 0]].tolist()


def all_of(*, depth: int | None = None) -> Policy:
    return Policy(
        steps={
            "fresh": NewItems(share=0.4, days=40.0, depth=depth),
            "mixed": Calibration(depth=depth),
            "varied": MarginalRelevance(depth=depth),
        }
    )


def test_a_policy_has_one_order_and_leaves_scores_with_their_items() -> None:
    policy = all_of()
    assert list(policy.steps) == ["varied", "mixed", "fresh"]
    moved = 0
    for seed in range(10):
        snapshot, order = shop(seed), random_order(seed)
        fitted = policy.fit(snapshot, embeddings(seed, one_hot=False))
        assert fitted is not None
        requests, made = snapshot.requests(), Caps.none(N_ITEMS)
        got = fitted.reranked(requests, order, 5, made)
        for row in range(N_USERS):
            of_item = dict(zip(order.items[row], order.scores[row], strict=True))
            assert [of_item[item] for item in got.items[row]] == got.scores[row].tolist()
            assert sorted(got.items[row]) == sorted(order.items[row])
        assert got.items.tolist() == _by_hand(fitted, requests, order, made).tolist()
        moved += int((got.items != order.items).any())
    assert moved > 5


def _by_hand(fitted: Any, requests: Any, order: Ranked, made: Caps) -> npt.NDArray[np.int32]:
    """One step after the other, each handed the scores of the places."""
    items = order.items
    for name in ("varied", "mixed", "fresh"):
        places = fitted.steps[name].reranked(requests, Ranked(items, order.scores), 5, made)
        items = np.ascontiguousarray(np.take_along_axis(items, places, axis=1))
    return items


def test_rows_know_nothing_of_one_another() -> None:
    snapshot, order = shop(7), random_order(7)
    fitted = all_of().fit(snapshot, embeddings(7, one_hot=False))
    assert fitted is not None
    made = caps_of(Constraints(max_a_brand=1), snapshot)
    whole = fitted.reranked(snapshot.requests(), order, 5, made)
    for row in range(N_USERS):
        alone = fitted.reranked(snapshot.requests(np.array([row])), order.take(np.array([row])), 5, made)
        assert alone.items.tolist() == whole.items[[row]].tolist()


def test_how_much_of_the_order_must_be_there() -> None:
    snapshot = shop(1)
    assert Policy().fit(snapshot, {}) is None
    deepest = Policy(steps={"a": MarginalRelevance(depth=7), "b": Calibration(depth=20)}).fit(snapshot, {})
    assert deepest is not None
    assert deepest.depth == 20
    endless = all_of(depth=7).without("mixed").without("varied").fit(snapshot, {})
    assert endless is not None
    assert endless.depth == 7
    unbounded = Policy(steps={"a": MarginalRelevance(depth=7), "b": NewItems()}).fit(snapshot, {})
    assert unbounded is not None
    assert unbounded.depth is None


def test_a_policy_travels_as_a_saved_value(tmp_path: Path) -> None:
    persistence.save(all_of(depth=3), tmp_path / "policy")
    assert persistence.load(tmp_path / "policy") == all_of(depth=3)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (MarginalRelevance, "trade_off", 1.1),
        (MarginalRelevance, "vectors", {"ingredients": -1}),
        (MarginalRelevance, "vectors", {"ingredients": 0}),
        (MarginalRelevance, "vectors", {}),
        (MarginalRelevance, "depth", 0),
        (Calibration, "trade_off", "half"),
        (Calibration, "levels", 0),
        (Calibration, "smoothing", 0),
        (Calibration, "half_life_days", -1),
        (Calibration, "depth", 1.5),
        (NewItems, "share", -0.1),
        (NewItems, "days", 0),
        (NewItems, "depth", 0),
        (Policy, "steps", [NewItems()]),
        (Policy, "steps", {"a": "mmr"}),
    ],
)
def test_wrong_settings_are_refused(kind: Any, name: str, value: object) -> None:
    with pytest.raises(ParameterError, match=f"'{name}' parameter of {kind.__name__}"):
        kind(**{name: value})


def test_embeddings_that_a_run_has_not_are_refused() -> None:
    all_of().check(("functionality", "ingredients", "collaborative"))
    with pytest.raises(ConfigurationError, match=r"policy\.steps\.varied\.vectors .*Got functionality"):
        all_of().check(("ingredients",))
