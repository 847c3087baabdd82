"""All embeddings and feature families of an experiment, as one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from dataset.candidates import Candidates
from dataset.errors import DataContractError, ParameterError
from dataset.feature_matrix import FeatureMatrix
from dataset.parameters import check_mapping
from dataset.persistence import Saved
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from features.family import Embedding, Family, FittedFamily


@dataclass(frozen=True)
class FittedFeatures(Saved):
    """Fitted families in the order of the configuration.

    Parameters
    ----------
    families : mapping of str to FittedFamily
    excluded : tuple of str
        Patterns of columns that are left out.
    """

    families: Mapping[str, FittedFamily]
    excluded: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Columns, "family.feature", family by family."""
        return tuple(
            f"{key}.{family.names[column]}"
            for key, family in self.families.items()
            for column in self._columns(key, family)
        )

    @property
    def categorical(self) -> tuple[str, ...]:
        """Those of `names` that hold category codes."""
        coded = {f"{key}.{name}" for key, family in self.families.items() for name in family.categorical}
        return tuple(name for name in self.names if name in coded)

    def _columns(self, key: str, family: FittedFamily) -> list[int]:
        """Which columns of a family are kept."""
        names = [f"{key}.{name}" for name in family.names]
        return [at for at, name in enumerate(names) if not any(fnmatchcase(name, p) for p in self.excluded)]

    def giving(self, names: Collection[str]) -> "FittedFeatures":
        """Only the families that give any of these columns, "family.feature", each with all of its own."""
        wanted = {name.partition(".")[0] for name in names}
        return replace(self, families={key: part for key, part in self.families.items() if key in wanted})

    def without(self, other: "FittedFeatures") -> "FittedFeatures":
        """Only the families that `other` has not."""
        return replace(
            self, families={key: part for key, part in self.families.items() if key not in other.families}
        )

    def transform(self, requests: Requests, candidates: Candidates) -> FeatureMatrix:
        """The features of a block of queries.

        Raises
        ------
        DataContractError
            If the candidates are not those of the requests.
        """
        if candidates.n_queries != len(requests):
            raise DataContractError(
                f"Candidates must be of the {len(requests)} queries that are asked for. "
                f"Got candidates of {candidates.n_queries}."
            )
        names = self.names
        values = np.empty((len(candidates), len(names)), np.float32)
        start = 0
        for key, family in self.families.items():
            columns = self._columns(key, family)
            if columns:
                stop = start + len(columns)
                block = family.transform(requests, candidates)
                values[:, start:stop] = block if len(columns) == len(family.names) else block[:, columns]
                start = stop
        return FeatureMatrix(values, names, self.categorical)


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """What to compute: embeddings of products, and families of features.

    Parameters
    ----------
    vectors : mapping of str to Embedding
        By name; retrieval sources and the similarity family refer to these names.
    families : mapping of str to Family
        By name; the order is that of the columns.
    exclude : mapping of str to str
        Shell patterns over "family.feature" of columns to leave out, each under a name of its own, so
        that an experiment takes one back by `~features.exclude.NAME`.
    """

    vectors: Mapping[str, Embedding]
    families: Mapping[str, Family]
    exclude: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_mapping(self, "exclude")
        for name in ("vectors", "families"):
            check_mapping(self, name)
            _check_fittable(self, name)
        if not self.families:
            raise ParameterError("FeatureSet", "families", "a mapping with at least one family", {})

    def fit_vectors(self, snapshot: Snapshot) -> dict[str, Vectors]:
        """The embeddings of a snapshot, without those for which the data has nothing to embed."""
        fitted = {name: embedding.fit(snapshot) for name, embedding in self.vectors.items()}
        return {name: vectors for name, vectors in fitted.items() if vectors is not None}

    def fit(
        self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]
    ) -> FittedFeatures:
        """Fit every family.

        Parameters
        ----------
        snapshot : Snapshot
        vectors : mapping of str to Vectors
            What `fit_vectors` gave for the same snapshot.
        sources : tuple of str
            Names of the retrieval sources that the candidates will carry.
        """
        return FittedFeatures(
            {name: family.fit(snapshot, vectors, sources) for name, family in self.families.items()},
            tuple(self.exclude.values()),
        )


def _check_fittable(owner: FeatureSet, name: str) -> None:
    part: Any
    for key, part in getattr(owner, name).items():
        if not callable(getattr(part, "fit", None)):
            expected = f"a mapping to specifications, each with its _target_; look at '{key}'"
            raise ParameterError("FeatureSet", name, expected, part)
