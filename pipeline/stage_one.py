"""Stage one of a snapshot: embeddings, sources and feature statistics, fitted on its past alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from dataset.candidates import Candidates
from dataset.feature_matrix import FeatureMatrix
from dataset.persistence import Saved
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from features.feature_set import FeatureSet, FittedFeatures
from pipeline.cache import Cache, Maybe
from pipeline.engines.engine import Engine
from pipeline.fingerprint import fingerprint, fingerprint_of_code, fingerprint_of_past
from pipeline.progress import Stopwatch
from retrieval.fusion import FittedRetrieval, Retrieval


@dataclass(frozen=True)
class StageOne(Saved):
    """What turns requests into candidates and candidates into features.

    Parameters
    ----------
    retrieval : FittedRetrieval
    features : FittedFeatures
    vectors : mapping of str to Vectors
    """

    retrieval: FittedRetrieval
    features: FittedFeatures
    vectors: Mapping[str, Vectors]

    def candidates(self, requests: Requests) -> Candidates:
        """Candidates of a block."""
        return self.retrieval.retrieve(requests)

    def matrix(self, requests: Requests, candidates: Candidates) -> FeatureMatrix:
        """Features of the candidates of a block."""
        return self.features.transform(requests, candidates)


@dataclass(frozen=True)
class Fitting:
    """What the components of stage one are fitted from, for several snapshots.

    Parameters
    ----------
    snapshots : tuple of Snapshot
    retrieval : Retrieval
    features : FeatureSet
    vectors : tuple of mapping of str to Vectors
        Of each snapshot; none as long as they are being fitted.
    cache : Cache
    """

    snapshots: tuple[Snapshot, ...]
    retrieval: Retrieval
    features: FeatureSet
    vectors: tuple[Mapping[str, Vectors], ...]
    cache: Cache


def fit_embedding(fitting: Fitting, part: tuple[int, str, str]) -> Maybe:
    """An embedding of a snapshot, remembered: which snapshot, which embedding, under which key."""
    at, name, key = part
    embedding, snapshot = fitting.features.vectors[name], fitting.snapshots[at]
    return fitting.cache.remember("vectors", key, lambda: Maybe(embedding.fit(snapshot)))


def fit_source(fitting: Fitting, part: tuple[int, str, str]) -> object:
    """A source of a snapshot, remembered: which snapshot, which source, under which key."""
    at, name, key = part
    source, snapshot = fitting.retrieval.sources[name], fitting.snapshots[at]
    return fitting.cache.remember("sources", key, lambda: source.fit(snapshot, fitting.vectors[at]))


def fit_features(fitting: Fitting, at: int) -> FittedFeatures:
    """The feature families of a snapshot."""
    names = tuple(fitting.retrieval.sources)
    return fitting.features.fit(fitting.snapshots[at], fitting.vectors[at], names)


@dataclass(frozen=True)
class StageOneFitter:
    """Fits stage one for several snapshots at once, each component of each snapshot a part of the work.

    Parameters
    ----------
    retrieval : Retrieval
    features : FeatureSet
    engine : Engine
    cache : Cache
    stopwatch : Stopwatch
    """

    retrieval: Retrieval
    features: FeatureSet
    engine: Engine
    cache: Cache
    stopwatch: Stopwatch = field(compare=False)

    def fit(self, snapshots: Sequence[Snapshot]) -> list[StageOne]:
        """Stage one of each snapshot, in order."""
        past = [fingerprint_of_past(snapshot) for snapshot in snapshots]
        fitting = Fitting(tuple(snapshots), self.retrieval, self.features, (), self.cache)
        with self.stopwatch.stage("embeddings"):
            vectors = self._vectors(fitting, past)
        fitting = replace(fitting, vectors=tuple(vectors))
        with self.stopwatch.stage("sources"):
            retrievals = self._sources(fitting, past)
        with self.stopwatch.stage("feature_statistics"):
            features = list(self.engine.map(fit_features, fitting, range(len(snapshots))))
        return [StageOne(*parts) for parts in zip(retrievals, features, vectors, strict=True)]

    def key(self, snapshot: Snapshot) -> str:
        """Fingerprint of all that the candidates of a snapshot depend on, but for the queries."""
        code = fingerprint_of_code("dataset", "features", "retrieval")
        return fingerprint(code, fingerprint_of_past(snapshot), self.retrieval, self.features.vectors)

    def _vectors(self, fitting: Fitting, past: Sequence[str]) -> list[dict[str, Vectors]]:
        code = fingerprint_of_code("dataset", "features")
        parts = [
            (at, name, fingerprint(code, past[at], embedding))
            for at in range(len(past))
            for name, embedding in self.features.vectors.items()
        ]
        vectors: list[dict[str, Vectors]] = [{} for _ in past]
        results = self.engine.map(fit_embedding, fitting, parts)
        tracked = self.stopwatch.track(results, len(parts), "embeddings")
        for (at, name, _), fitted in zip(parts, tracked, strict=True):
            if fitted.value is not None:
                vectors[at][name] = fitted.value
        return vectors

    def _sources(self, fitting: Fitting, past: Sequence[str]) -> list[FittedRetrieval]:
        code = fingerprint_of_code("dataset", "features", "retrieval")
        parts = [
            (at, name, fingerprint(code, past[at], self.features.vectors, source))
            for name, source in self.retrieval.sources.items()
            for at in range(len(past))
        ]
        fitted: list[dict[str, object]] = [{} for _ in past]
        results = self.engine.map(fit_source, fitting, parts)
        tracked = self.stopwatch.track(results, len(parts), "sources")
        for (at, name, _), value in zip(parts, tracked, strict=True):
            fitted[at][name] = value
        return [FittedRetrieval(by_name, self.retrieval.quotas, self.retrieval.budget) for by_name in fitted]
