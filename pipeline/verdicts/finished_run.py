"""A run that is done, as verdicts read it: verified, figures and values by query."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
from omegaconf import OmegaConf

from dataset.errors import ArtefactError
from evaluation.comparison import FACTS
from pipeline.artefacts import MANIFEST, sha256
from pipeline.run_folder import RunFolder


@dataclass(frozen=True)
class FinishedRun:
    """The folder of a run whose every file is what its manifest says.

    Parameters
    ----------
    path : Path
    """

    path: Path

    def __post_init__(self) -> None:
        manifest = RunFolder(self.path).read()
        for name in ("config.yaml", "metrics.json", "queries.parquet"):
            if name not in manifest["files"]:
                raise ArtefactError(f"{self.path} must hold {name} of a run. Got none; make the run again.")

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """As in `metrics.json`."""
        return json.loads((self.path / "metrics.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]

    @cached_property
    def headline(self) -> int:
        """Cut-off of the figures that stand in front of its report."""
        config = OmegaConf.load(self.path / "config.yaml")
        return int(OmegaConf.select(config, "evaluation.headline", default=10))

    @cached_property
    def sha256(self) -> str:
        """Of the manifest, which vouches for all else."""
        return sha256(self.path / MANIFEST)

    @cached_property
    def metric_names(self) -> list[str]:
        """The metrics that every run of its folder has by query."""
        names = [name.rpartition("/")[2] for name in pq.read_schema(self.path / "queries.parquet").names[3:]]
        return list(dict.fromkeys(names))

    def values(self, *metrics: str) -> pd.DataFrame:
        """Values by query: the columns `FACTS`, then "run/metric" for each run and the metrics given."""
        path = self.path / "queries.parquet"
        names = pq.read_schema(path).names
        return pd.read_parquet(
            path, columns=[name for name in names if name in FACTS or name.rpartition("/")[2] in metrics]
        )
