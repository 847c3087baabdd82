"""Stage one of a snapshot: embeddings, sources and feature statistics, fitted on its past alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dataset.candidates import Candidates
from dataset.feature_matrix import FeatureMatrix
from dataset.persistence import Saved
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from features.feature_set import FeatureSet, FittedFeatures
from pipeline.cache import Cache, Maybe
from pipeline.engine import Engine
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
        with self.stopwatch.stage("embeddings"):
            vectors = self._vectors(snapshots, past)
        with self.stopwatch.stage("sources"):
            retrievals = self._sources(snapshots, past, vectors)
        names = tuple(self.retrieval.sources)
        with self.stopwatch.stage("feature_statistics"):
            fit = self.features.fit
            features = list(
                self.engine.map(
                    lambda at: fit(snapshots[at], vectors[at], names), list(range(len(snapshots)))
                )
            )
        return [StageOne(*parts) for parts in zip(retrievals, features, vectors, strict=True)]

    def key(self, snapshot: Snapshot) -> str:
        """Fingerprint of all that the candidates of a snapshot depend on, but for the queries."""
        code = fingerprint_of_code("dataset", "features", "retrieval")
        return fingerprint(code, fingerprint_of_past(snapshot), self.retrieval, self.features.vectors)

    def _vectors(self, snapshots: Sequence[Snapshot], past: Sequence[str]) -> list[dict[str, Vectors]]:
        code = fingerprint_of_code("dataset", "features")
        parts = [(at, name) for at in range(len(snapshots)) for name in self.features.vectors]

        def fit(part: tuple[int, str]) -> Vectors | None:
            at, name = part
            embedding = self.features.vectors[name]
            key = fingerprint(code, past[at], embedding)
            found = self.cache.remember("vectors", key, lambda: Maybe(embedding.fit(snapshots[at])))
            return found.value  # type: ignore[no-any-return]

        vectors: list[dict[str, Vectors]] = [{} for _ in snapshots]
        results = self.stopwatch.track(self.engine.map(fit, parts), len(parts), "embeddings")
        for (at, name), fitted in zip(parts, results, strict=True):
            if fitted is not None:
                vectors[at][name] = fitted
        return vectors

    def _sources(
        self, snapshots: Sequence[Snapshot], past: Sequence[str], vectors: Sequence[Mapping[str, Vectors]]
    ) -> list[FittedRetrieval]:
        code = fingerprint_of_code("dataset", "features", "retrieval")
        parts = [(at, name) for name in self.retrieval.sources for at in range(len(snapshots))]

        def fit(part: tuple[int, str]) -> object:
            at, name = part
            source = self.retrieval.sources[name]
            key = fingerprint(code, past[at], self.features.vectors, source)
            return self.cache.remember("sources", key, lambda: source.fit(snapshots[at], vectors[at]))

        fitted: list[dict[str, object]] = [{} for _ in snapshots]
        results = self.stopwatch.track(self.engine.map(fit, parts), len(parts), "sources")
        for (at, name), value in zip(parts, results, strict=True):
            fitted[at][name] = value
        return [FittedRetrieval(by_name, self.retrieval.quotas, self.retrieval.budget) for by_name in fitted]
