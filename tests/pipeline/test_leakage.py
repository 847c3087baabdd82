"""Nothing sees the future: what comes at or after a cut-off may be rewritten, and no bit changes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hydra import compose, initialize_config_module

from dataset.dataset import Dataset
from dataset.interactions import KINDS, Interactions
from dataset.items import Items
from dataset.ragged import Categorical, TokenLists
from dataset.snapshot import Snapshot
from dataset.sources.shop import Shop
from dataset.splits.split import Split
from dataset.splits.temporal import Temporal
from pipeline.cache import Cache
from pipeline.configuration import build
from pipeline.engine import Serial
from pipeline.fingerprint import fingerprint, fingerprint_of_past
from pipeline.preparation import load
from pipeline.progress import Stopwatch
from pipeline.stage_one import StageOneFitter

SPLITTER = Temporal(cutoff="2022-07-20", n_training=2, horizon_days=30)
NAMES = ("test", "validation", "training_1", "training_2")
Fit = Callable[[Snapshot], dict[str, str]]


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load(Shop(n_users=120, n_items=60, n_days=240, events_per_user=50), Cache()).dataset


@pytest.fixture(scope="module")
def split(dataset: Dataset) -> Split:
    return SPLITTER.split(dataset)


@pytest.fixture(scope="module")
def fit() -> Fit:
    """Fits stage one with all defaults; fingerprints of what it makes of the snapshot's queries."""
    with initialize_config_module(config_module="conf", version_base="1.3"):
        config = compose("experiment", ["experiment=tiny"])
    fitter = StageOneFitter(
        build(config, "retrieval"), build(config, "features"), Serial(), Cache(), Stopwatch()
    )

    def run(snapshot: Snapshot) -> dict[str, str]:
        stage_one = fitter.fit([snapshot])[0]
        requests = snapshot.requests()
        candidates = stage_one.candidates(requests)
        assert len(candidates) > 20 * len(requests)
        return {
            "past": fingerprint_of_past(snapshot),
            "candidates": fingerprint(candidates),
            **{f"vectors {name}": fingerprint(vectors) for name, vectors in stage_one.vectors.items()},
            "features": fingerprint(stage_one.matrix(requests, candidates)),
        }

    return run


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


@pytest.mark.parametrize("name", NAMES)
def test_the_future_changes_nothing(dataset: Dataset, split: Split, fit: Fit, name: str) -> None:
    snapshot = next(snapshot for snapshot in split.snapshots if snapshot.name == name)
    assert (dataset.interactions.time >= snapshot.cutoff).sum() > 300
    poisoned = rewritten(dataset, snapshot.cutoff, seed=len(name))
    assert fingerprint(poisoned.interactions) != fingerprint(dataset.interactions)
    again = next(other for other in SPLITTER.split(poisoned).snapshots if other.name == name)
    assert again.cutoff == snapshot.cutoff
    # Who is asked depends on the truth, which is the future; so the same queries are asked.
    asked = replace(again, queries=snapshot.queries, truth=snapshot.truth)
    expected, found = fit(snapshot), fit(asked)
    del expected["past"], found["past"]  # it holds the rewritten products as well
    assert found == expected


def test_the_past_does_change_something(dataset: Dataset, split: Split, fit: Fit) -> None:
    """The guard of the guard: one day before the cut-off is seen everywhere."""
    test = split.test
    poisoned = rewritten(dataset, test.cutoff - 86_400 * 14, seed=1)
    again = replace(SPLITTER.split(poisoned).test, queries=test.queries, truth=test.truth)
    expected, found = fit(test), fit(again)
    assert all(found[name] != expected[name] for name in ("past", "candidates", "features"))


def test_the_truth_is_not_read(split: Split, fit: Fit) -> None:
    test = split.test
    turned = replace(test, truth=replace(test.truth, grade=test.truth.grade + np.int8(7)))
    assert fit(turned) == fit(test)
