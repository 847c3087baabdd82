"""Nothing sees the future: what comes at or after a cut-off may be rewritten, and no bit changes."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from inspect import signature

import numpy as np
import pytest
from hydra import compose, initialize_config_module

import features
import retrieval
from dataset.dataset import Dataset
from dataset.ragged import Categorical
from dataset.snapshot import Snapshot
from dataset.sources.shop import Shop
from dataset.splits.leave_last_out import LeaveLastOut
from dataset.splits.split import Split, Splitter
from dataset.splits.temporal import Temporal
from features import Audience, FeatureSet
from features.family import Family
from pipeline.audit.fingerprints import of_answers, of_fitted, of_snapshot
from pipeline.audit.future import asked_alike
from pipeline.audit.poison import poisoned, retaken, rewritten
from pipeline.cache import Cache
from pipeline.configuration import build
from pipeline.engines import Serial
from pipeline.preparation import load
from pipeline.progress import Stopwatch
from pipeline.stage_one import StageOneFitter
from retrieval import (
    Attributes,
    Blend,
    Chain,
    Companions,
    Ease,
    LinearTransitions,
    LowRank,
    Replenishment,
    Shuffled,
    Transitions,
)
from retrieval.source import Source

SPLITTER = Temporal(cutoff="2022-07-20", n_training=2, horizon_days=30)
SPLITTERS: dict[str, Splitter] = {
    "temporal": SPLITTER,
    "temporal_rehearsed": replace(SPLITTER, cutoff="2022-08-01", horizon_days=12, set_aside=1),
    "up_to_target": LeaveLastOut(),
    "training_events": LeaveLastOut(statistics="training_events"),
}
NAMES = ("test", "validation", "training_1", "training_2")
# Of the usual split the newest and the oldest snapshot are tried at once, and the others in CI.
QUICK = {("temporal", "training_2"), ("temporal", "test")}
CASES = [
    pytest.param(kind, name, marks=() if (kind, name) in QUICK else pytest.mark.slow)
    for kind in SPLITTERS
    for name in NAMES
]
FITTED = ("embedding", "source", "family")
ALL_WORDS = {"functions": 1.0, "brand": 1.0, "category": 1.0, "ingredients": 0.5}
# Beside those that are configured by default: the others that there are, and their ways of reading words.
MORE_SOURCES: dict[str, Source] = {
    "all_words": Attributes(weights=ALL_WORDS),
    "blend": Blend(
        parts={"transitions": Transitions(), "attributes": Attributes()},
        weights={"transitions": 1.0, "attributes": 0.25},
    ),
    "chain": Chain(first=Attributes(), then=Transitions()),
    "companions": Companions(),
    "ease_with_words": Ease(fit_decay=0.8, attribute_weight=5.0, attributes=ALL_WORDS),
    "linear_transitions": LinearTransitions(attributes=ALL_WORDS),
    "low_rank": LowRank(of=Transitions(from_power=0.5, to_power=0.3), dimensions=16),
    "replenishment": Replenishment(kinds=("view", "save")),
    "scorer": Transitions(quota=0, backward=1.0),
    "shuffled": Shuffled(),
}
MORE_FAMILIES: dict[str, Family] = {"audience": Audience()}
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
        config = compose("experiment", ["experiment=tiny", "features=replenishment"])
    default = build(config, "retrieval")
    every = replace(default, sources={**default.sources, **MORE_SOURCES})
    described = build(config, "features")
    families = {**described.families, **MORE_FAMILIES}
    return StageOneFitter(every, replace(described, families=families), Serial(), Cache(), Stopwatch())


@pytest.fixture(scope="module")
def fit(fitter: StageOneFitter) -> Fit:
    """Fits stage one; fingerprints of it, and of what it makes of a snapshot's queries."""

    def run(snapshot: Snapshot) -> dict[str, str]:
        stage_one = fitter.fit([snapshot])[0]
        rows = np.arange(len(snapshot.queries))
        assert len(stage_one.candidates(snapshot.requests())) > 20 * len(rows)
        return {
            **of_snapshot(snapshot),
            **of_fitted(stage_one),
            **of_answers(stage_one, snapshot, [rows]),
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


def named(split: Split, name: str) -> Snapshot:
    return next(snapshot for snapshot in split.snapshots if snapshot.name == name)


def of_kind(parts: dict[str, str], *kinds: str) -> dict[str, str]:
    """Those parts whose names begin so."""
    return {name: value for name, value in parts.items() if name.startswith(kinds)}


def test_every_source_is_tried(fitter: StageOneFitter) -> None:
    known = [getattr(retrieval, name) for name in retrieval.__all__]
    sources = {kind for kind in known if hasattr(kind, "fit")}
    assert len(sources) > 10
    assert sources == {type(source) for source in fitter.retrieval.sources.values()}


def test_every_family_is_tried(fitter: StageOneFitter) -> None:
    known = [getattr(features, name) for name in features.__all__]
    families = {kind for kind in known if "sources" in signature(getattr(kind, "fit", len)).parameters}
    families.discard(FeatureSet)
    assert len(families) > 10
    assert families == {type(family) for family in fitter.features.families.values()}


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_the_future_changes_nothing(
    dataset: Dataset, fit: Fit, untouched: Untouched, kind: str, name: str
) -> None:
    splitter, (snapshot, expected) = SPLITTERS[kind], untouched(kind, name)
    other = poisoned(dataset, splitter, snapshot, seed=len(name))
    assert (other.interactions.item != dataset.interactions.item).sum() > 100
    assert fit(asked_alike(splitter, other, snapshot)) == expected


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
    assert found["cut-off"] == expected["cut-off"]
    assert of_kind(found, *FITTED) == of_kind(expected, *FITTED)
    assert all(
        found[part] != expected[part] for part in ("request history", "request histories", "candidates")
    )
    assert of_kind(found, "feature") != of_kind(expected, "feature")
    # The guard of the guard: where statistics go up to the target, the same change is seen by the fits.
    loose, before = untouched("up_to_target", name)
    after = fit(asked_alike(SPLITTERS["up_to_target"], other, loose))
    assert all(of_kind(after, kind) != of_kind(before, kind) for kind in FITTED)


def test_the_past_does_change_something(dataset: Dataset, fit: Fit, untouched: Untouched) -> None:
    """The guard of the guard: one day before the cut-off is seen everywhere."""
    test, expected = untouched("temporal", "test")
    other = rewritten(dataset, test.cutoff - 86_400 * 14, seed=1)
    again = replace(SPLITTER.split(other).test, queries=test.queries, truth=test.truth)
    found = fit(again)
    assert all(found[name] != expected[name] for name in ("history", "candidates"))
    assert all(of_kind(found, kind) != of_kind(expected, kind) for kind in (*FITTED, "feature"))


def test_the_truth_is_not_read(fit: Fit, untouched: Untouched) -> None:
    test, expected = untouched("temporal", "test")
    turned = replace(test, truth=replace(test.truth, grade=test.truth.grade + np.int8(7)))
    assert fit(turned) == expected
