"""A table over the runs of a multirun, each compared with the first."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow.parquet as pq
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from dataset.errors import GlowrankError
from evaluation.comparison import FACTS, Compared, Comparison, compare
from evaluation.comparison_table import compared_metrics, differences_table, markdown_table, notes
from evaluation.sections import MAIN_RUN
from evaluation.table import runs_table
from pipeline.artefacts import write_json, write_text
from pipeline.progress import output

_WITHOUT: Final = "without="


class JobFailedError(Exception):
    """A mistake that ends one job of a sweep.

    It is none of the errors that a command turns into the end of the process, so Hydra gets to see it.

    Parameters
    ----------
    sentence : str
    exit_code : int
    """

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def is_one_of_many() -> bool:
    """Whether the job at work is one of a sweep."""
    return HydraConfig.get().mode is RunMode.MULTIRUN


@contextmanager
def others_go_on() -> Iterator[None]:
    """Let a user's mistake end its own job alone, where the job is one of a sweep."""
    try:
        yield
    except GlowrankError as error:
        if not is_one_of_many():
            raise
        raise JobFailedError(str(error), error.exit_code) from error


@dataclass(frozen=True, kw_only=True)
class _Job:
    overrides: list[str]
    folder: Path
    metrics: dict[str, Any]
    comparison: Comparison | None
    failure: JobFailedError | None


class SweepTable(Callback):
    """Keeps `sweep.json` and `sweep.md` up to date after each job, and prints the tables at the end.

    Each holds the main run of every job, and its difference to that of the first, paired by user.
    """

    def __init__(self) -> None:
        self._jobs: list[_Job] = []
        self._first: pd.DataFrame | None = None
        self._headline = 10

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Take a job in, finished or failed."""
        folder = Path(config.hydra.runtime.output_dir)
        failure = _failure(job_return)
        if config.hydra.mode is not RunMode.MULTIRUN or (
            failure is None and not (folder / "metrics.json").is_file()
        ):
            return
        if failure is not None:
            Console(stderr=True, highlight=False, markup=False).print(str(failure), soft_wrap=True)
        self._jobs.append(
            _Job(
                overrides=list(job_return.overrides or ()),
                folder=folder,
                metrics={} if failure else json.loads((folder / "metrics.json").read_text(encoding="utf-8")),
                comparison=None if failure else self._compared(config, folder),
                failure=failure,
            )
        )
        self._write(Path(config.hydra.sweep.dir))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Show the jobs; where one failed, end with the exit code of its mistake."""
        rows = self._rows()
        finished = [row for row in rows if not row.error]
        if not rows:
            return
        console = output()
        if finished:
            console.print(runs_table([(row.label, row.metrics) for row in finished], self._headline))
        differences = differences_table(rows, self._headline)
        if differences is not None:
            console.print(differences)
        for note in notes(rows):
            console.print(note, highlight=False, markup=False, soft_wrap=True)
        folder = Path(config.hydra.sweep.dir)
        console.print(f"Table: {folder / 'sweep.json'}", highlight=False, soft_wrap=True)
        console.print(f"As Markdown: {folder / 'sweep.md'}", highlight=False, soft_wrap=True)
        failures = [job.failure for job in self._jobs if job.failure is not None]
        if failures:
            raise SystemExit(failures[0].exit_code)

    def _compared(self, config: DictConfig, folder: Path) -> Comparison | None:
        """The job's difference to the first; None for the first itself, which is remembered."""
        settings = {"headline": 10, "n_resamples": 1000, "seed": 0}
        settings |= {
            name: OmegaConf.select(config, f"evaluation.{name}", default=settings[name]) for name in settings
        }
        if not self._jobs:
            self._headline = settings["headline"]
        metrics = compared_metrics(self._headline)
        values = _values(folder / "queries.parquet", metrics)
        if not self._jobs:
            self._first = values
            return None
        if self._first is None:
            return Comparison(refused="that one failed")
        return compare(
            values, self._first, metrics, n_resamples=settings["n_resamples"], seed=settings["seed"]
        )

    def _rows(self) -> list[Compared]:
        """The jobs, each by the overrides in which it differs."""
        common = set.intersection(*(set(job.overrides) for job in self._jobs)) if self._jobs else set()
        return [
            Compared(
                label=_label([override for override in job.overrides if override not in common]),
                metrics=job.metrics,
                comparison=job.comparison,
                error=str(job.failure or ""),
            )
            for job in self._jobs
        ]

    def _write(self, folder: Path) -> None:
        rows = self._rows()
        entries = [
            {
                "overrides": row.label,
                "runs": row.metrics.get("runs", {}),
                "folder": job.folder.name,
                "pool_recall": row.pool_recall,
                "seconds": row.seconds,
                "difference_to_first": row.differences or None,
                "not_compared": row.comparison.refused or None if row.comparison else None,
                "error": row.error or None,
            }
            for row, job in zip(rows, self._jobs, strict=True)
        ]
        write_json(folder / "sweep.json", entries)
        write_text(folder / "sweep.md", markdown_table(rows, self._headline))


def _failure(job_return: JobReturn) -> JobFailedError | None:
    """The mistake that ended a job, taken from Hydra, which would raise it at the end and show no table."""
    # Not `return_value`: reading that of a failed job raises.
    if job_return.status is not JobStatus.FAILED or not isinstance(job_return._return_value, JobFailedError):
        return None
    failure = job_return._return_value
    job_return.status, job_return.return_value = JobStatus.COMPLETED, None
    return failure


def _values(path: Path, metrics: Sequence[str]) -> pd.DataFrame:
    """The main run's values by query."""
    wanted = {*FACTS, *(f"{MAIN_RUN}/{metric}" for metric in metrics)}
    return pd.read_parquet(path, columns=[name for name in pq.read_schema(path).names if name in wanted])


def _label(overrides: Sequence[str]) -> str:
    """In words what a job was given: "without retrieval.sources.ease, seed=1"."""
    said = [
        f"without {override.removeprefix(_WITHOUT).strip('[]').replace(',', ' and ')}"
        if override.startswith(_WITHOUT)
        else override
        for override in overrides
        if override != f"{_WITHOUT}null"
    ]
    return ", ".join(said) or "as configured"
