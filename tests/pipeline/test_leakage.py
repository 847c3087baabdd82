"""Nothing sees the future: what comes at or after a cut-off may be rewritten, and no bit changes."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hydra import compose, initialize_config_module

import retrieval
from dataset.dataset import Dataset
from dataset.interactions import KINDS, Interactions
from dataset.items import Items
from dataset.ragged import Categorical, TokenLists
from dataset.snapshot import Snapshot
from dataset.sources.shop import Shop
from dataset.splits.leave_last_out import LeaveLastOut
from dataset.splits.split import Split, Splitter
from dataset.splits.temporal import Temporal
from pipeline.cache import Cache
from pipeline.configuration import build
from pipeline.engine import Serial
from pipeline.fingerprint import fingerprint, fingerprint_of_past
from pipeline.preparation import load
from pipeline.progress import Stopwatch
from pipeline.stage_one import StageOne, StageOneFitter
from retrieval import Attributes, Blend, Chain, Ease, LowRank, Shuffled, Transitions
from retrieval.source import Source

SPLITTER = Temporal(cutoff="2022-07-20", n_training=2, horizon_days=30)
SPLITTERS: dict[str, Splitter] = {
    "temporal": SPLITTER,
    "temporal_rehearsed": replace(SPLITTER, cutoff="2022-08-01", horizon_days=12, set_aside=1),
    "up_to_target": LeaveLastOut(),
    "training_events": LeaveLastOut(statistics="training_events"),
}
NAMES = ("test", "validation", "training_1", "training_2")
# Every snapshot of the usual split and the test of each other one are tried at once, the others in CI.
CASES = [
    pytest.param(kind, name, marks=() if kind == "temporal" or name == "test" else pytest.mark.slow)
    for kind in SPLITTERS
    for name in NAMES
]
ALL_WORDS = {"functions": 1.0, "brand": 1.0, "category": 1.0, "ingredients": 0.5}
# Beside those that are configured by default: the others that there are, and their ways of reading words.
MORE_SOURCES: dict[str, Source] = {
    "all_words": Attributes(weights=ALL_WORDS),
    "blend": Blend(
        parts={"transitions": Transitions(), "attributes": Attributes()},
        weights={"transitions": 1.0, "attributes": 0.25},
    ),
    "chain": Chain(first=Attributes(), then=Transitions()),
    "ease_with_words": Ease(fit_decay=0.8, attribute_weight=5.0, attributes=ALL_WORDS),
    "low_rank": LowRank(of=Transitions(from_power=0.5, to_power=0.3), dimensions=16),
    "scorer": Transitions(quota=0, backward=1.0),
    "shuffled": Shuffled(),
}
Fit = Callable[[Snapshot], dict[str, str]]
Untouched = Callable[[str, str], tuple[Snapshot, dict[str, str]]]


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """A shop whose users state their skin type with every fifth event.

    No user has two events in one moment, so that a rewritten item moves no event.
    """
    made = load(Shop(n_users=120, n_items=60, n_days=240, events_per_user=50), Cache()).dataset
    events, skin = made.interactions, made.users.categorical["skin_type"]
    within = np.arange(len(events)) - events.offsets(len(made.users))[events.user]
    codes = np.random.default_rng(0).integers(0, len(skin.names), len(events)).astype(np.int32)
    stated = {"skin_type": Categorical(np.where(within % 5 == 0, codes, np.int32(-1)), skin.names)}
    return replace(made, interactions=replace(events, time=events.time + within, stated=stated))


@pytest.fixture(scope="module")
def fitter() -> StageOneFitter:
    """Stage one with all defaults and every source."""
    with initialize_config_module(config_module="conf", version_base="1.3"):
        config = compose("experiment", ["experiment=tiny"])
    default = build(config, "retrieval")
    every = replace(default, sources={**default.sources, **MORE_SOURCES})
    return StageOneFitter(every, build(config, "features"), Serial(), Cache(), Stopwatch())


@pytest.fixture(scope="module")
def fit(fitter: StageOneFitter, tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """Fits stage one; fingerprints of it, and of what it makes of a snapshot's queries."""

    def run(snapshot: Snapshot) -> dict[str, str]:
        stage_one = fitter.fit([snapshot])[0]
        requests = snapshot.requests()
        candidates = stage_one.candidates(requests)
        assert len(candidates) > 20 * len(requests)
        return {
            **fingerprints_of_fitted(stage_one, tmp_path_factory.mktemp("stage_one")),
            "past": fingerprint_of_past(snapshot),
            "requests": fingerprint(requests.history),
            "candidates": fingerprint(candidates),
            **{f"vectors {name}": fingerprint(vectors) for name, vectors in stage_one.vectors.items()},
            "features": fingerprint(stage_one.matrix(requests, candidates)),
        }

    return run


@pytest.fixture(scope="module")
def untouched(dataset: Dataset, fit: Fit) -> Untouched:
    """A snapshot of the dataset as it is, by splitter and name, and its fit, which several tests need."""

    @cache
    def of(kind: str, name: str) -> tuple[Snapshot, dict[str, str]]:
        snapshot = named(SPLITTERS[kind].split(dataset), name)
        return snapshot, fit(snapshot)

    return of


def fingerprints_of_fitted(stage_one: StageOne, folder: Path) -> dict[str, str]:
    """Of each part of stage one as it is saved: the embeddings, each source, each family of features."""
    stage_one.save(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        f"fitted {path.relative_to(folder).as_posix()}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def poisoned(dataset: Dataset, splitter: Splitter, snapshot: Snapshot, seed: int) -> Dataset:
    """The dataset with all rewritten that comes after the snapshot."""
    if isinstance(splitter, Temporal):
        return rewritten(dataset, snapshot.cutoff, seed)
    return retaken(dataset, 1 + NAMES.index(snapshot.name), snapshot, seed)


def retaken(dataset: Dataset, n: int, snapshot: Snapshot, seed: int) -> Dataset:
    """Of each user, the n newest target events and all that lies between and behind them drawn anew.

    Users with fewer have no event that is not drawn anew. Users stay, and so does which events are targets
    and in which order, since the protocol counts by position; and so does when the snapshot's queries ask.
    """
    rng, events = np.random.default_rng(seed), dataset.interactions
    size, is_target = len(events), events.is_kind(("purchase", "rating"))
    late = _newest(events, is_target, n)
    asked_at = np.full(len(dataset.users), snapshot.cutoff)
    asked_at[snapshot.queries.user] = snapshot.queries.time
    free = late & (events.time != asked_at[events.user]) & (events.time != snapshot.cutoff)
    since_last = np.where(np.diff(events.user, prepend=-1) > 0, 86_400, np.diff(events.time, prepend=0))
    kind = np.where(is_target, rng.integers(0, 2, size), rng.integers(2, len(KINDS), size))
    value = np.where(kind == KINDS.index("rating"), rng.integers(1, 6, size), np.nan)
    arrays = {
        "item": np.where(late, rng.integers(0, len(dataset.items), size), events.item).astype(np.int32),
        "kind": np.where(late, kind, events.kind).astype(np.int8),
        "value": np.where(late, value, events.value).astype(np.float32),
        "time": events.time - np.where(free, rng.integers(0, since_last), 0),
    }
    stated = {
        name: replace(
            told, codes=np.where(late, rng.integers(-1, len(told.names), size), told.codes).astype(np.int32)
        )
        for name, told in events.stated.items()
    }
    return replace(dataset, interactions=replace(events, **arrays, stated=stated).sorted())


def _newest(events: Interactions, is_target: npt.NDArray[np.bool_], n: int) -> npt.NDArray[np.bool_]:
    """Whether each event comes no earlier than its user's n-th last target event; True if there is none."""
    late = np.ones(len(events), bool)
    for user in np.unique(events.user):
        own = np.flatnonzero(events.user == user)
        targets = own[is_target[own]]
        if len(targets) >= n:
            late[own] = own >= targets[-n]
    return late


def rewritten(dataset: Dataset, cutoff: int, seed: int) -> Dataset:
    """Every event at or after the cut-off drawn anew, and every product that is not known by then."""
    rng = np.random.default_rng(seed)
    events = dataset.interactions
    late = np.flatnonzero(events.time >= cutoff)
    last = int(events.time.max())
    kind = rng.integers(0, len(KINDS), len(late)).astype(np.int8)
    stars = rng.integers(1, 6, len(late)).astype(np.float32)
    value = np.where(kind == KINDS.index("rating"), stars, np.float32(np.nan))

    def put(column: npt.NDArray[np.generic], new: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        changed = column.copy()
        changed[late] = new
        return changed

    arrays = {
        "user": put(events.user, rng.integers(0, len(dataset.users), len(late))),
        "item": put(events.item, rng.integers(0, len(dataset.items), len(late))),
        "kind": put(events.kind, kind),
        "value": put(events.value, value),
        "time": put(events.time, rng.integers(cutoff, last + 1, len(late))),
    }
    stated = {
        name: Categorical(put(told.codes, rng.integers(-1, len(told.names), len(late))), told.names)
        for name, told in events.stated.items()
    }
    changed: Interactions = replace(events, **arrays, stated=stated)
    return replace(dataset, interactions=changed.sorted(), items=_renewed(dataset, cutoff, rng))


def _renewed(dataset: Dataset, cutoff: int, rng: np.random.Generator) -> Items:
    """Items that are neither launched nor seen by the cut-off get the content of others."""
    items, events = dataset.items, dataset.interactions
    known = items.launched <= cutoff
    known[events.item[events.time < cutoff]] = True
    rows = np.arange(len(items))
    unknown = np.flatnonzero(~known)
    rows[unknown] = rng.integers(0, len(items), len(unknown))
    words: dict[str, TokenLists] = {
        name: getattr(items, name).take(rows) for name in ("ingredients", "functions")
    }
    return replace(
        items,
        brand=items.brand.take(rows),
        category=items.category.take(rows),
        price=items.price[rows] * np.where(known, 1, 7).astype(np.float32),
        **words,
    )


def named(split: Split, name: str) -> Snapshot:
    return next(snapshot for snapshot in split.snapshots if snapshot.name == name)


def asked_alike(splitter: Splitter, other: Dataset, snapshot: Snapshot) -> Snapshot:
    """The same snapshot of another dataset, with the same queries: who is asked depends on the truth."""
    again = named(splitter.split(other), snapshot.name)
    assert again.cutoff == snapshot.cutoff
    return replace(again, queries=snapshot.queries, truth=snapshot.truth)


def test_every_source_is_tried(fitter: StageOneFitter) -> None:
    known = [getattr(retrieval, name) for name in retrieval.__all__]
    sources = {kind for kind in known if hasattr(kind, "fit")}
    assert len(sources) > 10
    assert sources == {type(source) for source in fitter.retrieval.sources.values()}


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_the_future_changes_nothing(
    dataset: Dataset, fit: Fit, untouched: Untouched, kind: str, name: str
) -> None:
    splitter, (snapshot, expected) = SPLITTERS[kind], untouched(kind, name)
    other = poisoned(dataset, splitter, snapshot, seed=len(name))
    assert (other.interactions.item != dataset.interactions.item).sum() > 100
    found = fit(asked_alike(splitter, other, snapshot))
    assert found | {"past": ""} == expected | {"past": ""}  # it holds the rewritten products as well


@pytest.mark.parametrize(
    "name", ["test", *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES[1:])]
)
def test_the_event_before_the_target_is_asked_with_and_not_fitted_on(
    dataset: Dataset, fit: Fit, untouched: Untouched, name: str
) -> None:
    """With each user's last two target events drawn anew, requests for the last differ, and no fit does."""
    snapshot, expected = untouched("training_events", name)
    other = retaken(dataset, 2 + NAMES.index(name), snapshot, seed=len(name))
    found = fit(asked_alike(SPLITTERS["training_events"], other, snapshot))
    fitted = {part for part in expected if part.startswith("fitted")}
    assert {part: found[part] for part in fitted} == {part: expected[part] for part in fitted}
    assert all(found[part] != expected[part] for part in ("past", "requests", "candidates", "features"))
    # The guard of the guard: where statistics go up to the target, the same change is seen by the fits.
    loose, before = untouched("up_to_target", name)
    after = fit(asked_alike(SPLITTERS["up_to_target"], other, loose))
    seen = [part for part in fitted if before[part] != after[part]]
    for group in ("vectors", "retrieval", "features"):
        assert any(part.startswith(f"fitted {group}") for part in seen)


def test_the_past_does_change_something(dataset: Dataset, fit: Fit, untouched: Untouched) -> None:
    """The guard of the guard: one day before the cut-off is seen everywhere."""
    test, expected = untouched("temporal", "test")
    poisoned = rewritten(dataset, test.cutoff - 86_400 * 14, seed=1)
    again = replace(SPLITTER.split(poisoned).test, queries=test.queries, truth=test.truth)
    found = fit(again)
    assert all(found[name] != expected[name] for name in ("past", "candidates", "features"))


def test_the_truth_is_not_read(fit: Fit, untouched: Untouched) -> None:
    test, expected = untouched("temporal", "test")
    turned = replace(test, truth=replace(test.truth, grade=test.truth.grade + np.int8(7)))
    assert fit(turned) == expected
