"""What the checks of an audit look at, and what each of them gives back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from dataset.canonical import Tables
from dataset.dataset import Dataset
from dataset.errors import ArtefactError
from dataset.splits.split import Split
from pipeline.experiment import Experiment
from pipeline.stage_one import StageOneFitter


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Parameters
    ----------
    passed : bool
    text : str
        One sentence; where the check failed it names the offender.
    figures : mapping of str to plain values
        What the sentence rests on, for `audit.json`.
    """

    passed: bool
    text: str
    figures: Mapping[str, Any] = field(default_factory=dict)


def silent(doing: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, kw_only=True)
class Audited:
    """A run, its experiment built again, and its data.

    Parameters
    ----------
    run : Path
        Folder of the run.
    experiment : Experiment
    dataset : Dataset
        Of the experiment's source.
    split : Split
        Of `dataset`, by the experiment's splitter.
    say : callable
        Told what is being done, for the eye.
    """

    run: Path
    experiment: Experiment
    dataset: Dataset
    split: Split
    say: Callable[[str], None] = silent

    @property
    def fitter(self) -> StageOneFitter:
        """Fits stage one as the run does; what it has fitted before is read from the cache."""
        spec = self.experiment.recommender
        return StageOneFitter(spec.retrieval, spec.features, spec.engine, spec.cache, spec.stopwatch)

    @cached_property
    def raw(self) -> Tables:
        """The tables as the source delivers them, without the oracle: no check asks it anything."""
        tables = self.experiment.source.read()
        return Tables(
            users=tables.users,
            items=tables.items,
            interactions=tables.interactions,
            stated=tables.stated,
            rejected=tables.rejected,
        )

    @property
    def metric(self) -> str:
        """The metric by which lists are compared."""
        return f"ndcg@{self.experiment.evaluation.headline}"

    @cached_property
    def per_query(self) -> pd.DataFrame:
        """`queries.parquet` of the run, a row for each query of the test, in their order.

        Raises
        ------
        ArtefactError
            If it cannot be read, or is of other queries.
        """
        path = self.run / "queries.parquet"
        try:
            frame = pd.read_parquet(path).set_index("user")
        except (OSError, ValueError, KeyError) as error:
            raise ArtefactError(f"{path} must hold a value for each query. Got: {error}.") from error
        asked = self.dataset.user_ids.decode(self.split.test.queries.user)
        if len(frame) != len(asked) or not frame.index.is_unique or not asked.isin(frame.index).all():
            raise ArtefactError(
                f"{path} must be of the {len(asked):,} queries of the test. Got {len(frame):,}, some of them "
                "others; run the experiment again with this version."
            )
        return frame.reindex(asked.to_numpy()).rename_axis("user").reset_index()

    def measured(self, name: str) -> npt.NDArray[np.float64]:
        """`metric` of one list of the run by query, float64 of shape (m,); NaN for users without history.

        Parameters
        ----------
        name : str
            "two_stage", a source, "reciprocal_rank_fusion".
        """
        column = f"{name}/{self.metric}"
        if column not in self.per_query:
            raise ArtefactError(
                f"{self.run / 'queries.parquet'} must hold {column}. Got no such column; "
                "run the experiment again with this version."
            )
        values = self.per_query[column].to_numpy(np.float64)
        return np.where(self.split.test.is_warm, values, np.nan)


class Check(Protocol):
    """A specification of a check; its fields are the settings."""

    def check(self, audited: Audited) -> Finding:
        """Look into one thing; what is wrong with the run is a finding, never an error."""
        ...
