"""Leaks to plant: splits, embeddings, sources, families and ids that know what they must not."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dataset.candidates import Candidates
from dataset.cleaning import Cleaning
from dataset.dataset import Dataset
from dataset.feature_matrix import FeatureMatrix
from dataset.persistence import Saved
from dataset.snapshot import Requests, Snapshot
from dataset.splits.leave_last_out import LeaveLastOut
from dataset.splits.split import Split
from dataset.splits.temporal import Temporal
from dataset.vocabulary import Vocabulary
from pipeline.experiment import Experiment
from pipeline.preparation import Prepared, load
from pipeline.run_folder import RunFolder

Leak = Callable[[Snapshot, Dataset], Snapshot]


@dataclass(frozen=True, kw_only=True)
class Omniscient(Snapshot):
    """A snapshot that carries all data along, past and future alike."""

    everything: Dataset

    def today(self) -> Snapshot:
        """The same, with every event there ever was as its history."""
        events = self.everything.interactions
        return replace(self, history=events, request_history=events)


def carry_all(snapshot: Snapshot, dataset: Dataset) -> Snapshot:
    """Let components reach what lies behind the snapshot; by itself it changes nothing."""
    held = {entry.name: getattr(snapshot, entry.name) for entry in fields(Snapshot) if entry.init}
    return Omniscient(**held, everything=dataset)


def let_one_event_through(snapshot: Snapshot, dataset: Dataset) -> Snapshot:
    """The event of the first query's user that comes next, its truth perhaps, becomes history of the test."""
    if snapshot.name != "test":
        return snapshot
    events, user = dataset.interactions, snapshot.queries.user[0]
    known = np.diff(snapshot.history.offsets(len(snapshot.users)))
    past = np.arange(len(events)) - events.offsets(len(snapshot.users))[events.user] < known[events.user]
    past[events.offsets(len(snapshot.users))[user] + known[user]] = True
    history = events.take(past)
    return replace(snapshot, history=history, request_history=history)


def know_all_products(snapshot: Snapshot, dataset: Dataset) -> Snapshot:
    """The catalogue of the last day, those products in it that are launched later."""
    return replace(snapshot, catalogue=np.ones_like(snapshot.catalogue))


def count_until_today(snapshot: Snapshot, dataset: Dataset) -> Snapshot:
    """Users described by how much they ever did."""
    count = np.bincount(dataset.interactions.user, minlength=len(dataset.users)).astype(np.float32)
    users = replace(snapshot.users, numeric={**snapshot.users.numeric, "events": count})
    return replace(snapshot, users=users)


@dataclass(frozen=True, kw_only=True)
class LeakyTemporal(Temporal):
    """A cut in time whose snapshots go through `leak`, behind the guard that every split has."""

    leak: Leak = carry_all

    def split(self, dataset: Dataset) -> Split:
        return _through(super().split(dataset), self.leak, dataset)


@dataclass(frozen=True, kw_only=True)
class LeakyLeaveLastOut(LeaveLastOut):
    """The same by position."""

    leak: Leak = carry_all

    def split(self, dataset: Dataset) -> Split:
        return _through(super().split(dataset), self.leak, dataset)


def _through(split: Split, leak: Leak, dataset: Dataset) -> Split:
    test, validation, *training = (leak(snapshot, dataset) for snapshot in split.snapshots)
    return Split(tuple(training), validation, test, split.warnings)


@dataclass(frozen=True)
class FittedOnAll:
    """An embedding, a source or a family that is fitted on all data instead of the snapshot's."""

    of: Any

    @property
    def quota(self) -> int:
        return int(self.of.quota)

    def fit(self, snapshot: Snapshot, *rest: Any) -> Any:
        assert isinstance(snapshot, Omniscient)
        return self.of.fit(snapshot.today(), *rest)


@dataclass(frozen=True)
class Answers:
    """A family of one column: whether the pair of user and item is among those it was given."""

    pairs: npt.NDArray[np.int64] | None = None

    def fit(self, snapshot: Snapshot, vectors: Any, sources: Any) -> "FittedAnswers":
        truth = snapshot.truth.items
        asked = pair_keys(snapshot.queries.user[truth.rows], truth.values, len(snapshot.items))
        return FittedAnswers(asked if self.pairs is None else self.pairs, len(snapshot.items))


@dataclass(frozen=True)
class FittedAnswers(Saved):
    pairs: npt.NDArray[np.int64]
    n_items: int
    names: tuple[str, ...] = ("answer",)
    categorical: tuple[str, ...] = ()

    def transform(self, requests: Requests, candidates: Candidates) -> npt.NDArray[np.float32]:
        keys = pair_keys(requests.queries.user[candidates.query], candidates.item, self.n_items)
        return np.isin(keys, self.pairs).astype(np.float32)[:, None]


def pair_keys(
    user: npt.NDArray[np.int32], item: npt.NDArray[np.int32], n_items: int
) -> npt.NDArray[np.int64]:
    return user.astype(np.int64) * n_items + item


@dataclass(frozen=True)
class Column:
    """A ranker that has nothing to learn: it orders by one feature."""

    name: str

    @property
    def features(self) -> tuple[str, ...]:
        return (self.name,)

    def fit(self, tables: Any, threads: int, watch: Any = None) -> "Column":
        tables()
        return self

    def score(self, candidates: Candidates, features: FeatureMatrix | None) -> npt.NDArray[np.float32]:
        assert features is not None
        return features.values[:, features.names.index(self.name)]


class InFileOrder(Vocabulary):
    """Ids numbered as they first come in the file."""

    @classmethod
    def of(cls, ids: Iterable[str], seed: int = 0) -> "InFileOrder":
        return cls(tuple(dict.fromkeys(ids)))


def with_parts(experiment: Experiment, **parts: Any) -> Experiment:
    """The experiment with more of what is named: `vectors`, `sources`, `families`, or another `ranking`."""
    spec = experiment.recommender
    features, retrieval = spec.features, spec.retrieval
    features = replace(
        features,
        vectors={**features.vectors, **parts.get("vectors", {})},
        families={**features.families, **parts.get("families", {})},
    )
    retrieval = replace(retrieval, sources={**retrieval.sources, **parts.get("sources", {})})
    ranking = parts.get("ranking", spec.ranking)
    spec = replace(spec, features=features, retrieval=retrieval, ranking=ranking)
    return replace(experiment, recommender=spec)


def loaded(source: Any, remembered: Any, seed: int, cleaning: Cleaning) -> Prepared:
    """What `load` gives, once: to make and clean even a small shop takes longer than most checks."""
    assert cleaning.steps == Cleaning.default().steps
    return made(source, seed)


@cache
def made(source: Any, seed: int) -> Prepared:
    return load(source, None, seed)


def finished(experiment: Experiment, folder: Path) -> Path:
    """A run's folder that says of the experiment's data that it was made with it; nothing was trained."""
    run = RunFolder.begin(folder, "{}")
    run.finish({"data": dataset_of(experiment).digest})
    return folder


def dataset_of(experiment: Experiment) -> Dataset:
    cache = experiment.recommender.cache
    return loaded(experiment.source, cache, experiment.seed, experiment.cleaning).dataset


def measured(experiment: Experiment, folder: Path, **others: float) -> Path:
    """The same with the figures of its queries; of `others`, runs beside the main one, all alike."""
    run = RunFolder.begin(folder, "{}")
    dataset = dataset_of(experiment)
    split, metric = experiment.splitter.split(dataset), f"ndcg@{experiment.evaluation.headline}"
    columns = {
        "user": dataset.user_ids.decode(split.test.queries.user),
        f"two_stage/{metric}": experiment.judge(split, metric),
        **{f"{name}/{metric}": value for name, value in others.items()},
    }
    pd.DataFrame(columns).to_parquet(folder / "queries.parquet", index=False)
    run.finish({"data": dataset.digest})
    return folder
