"""`glowrank compare`: from run folders to differences, their tests, and a page that shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf

from dataset.errors import ConfigurationError
from dataset.parameters import check_int, check_names
from evaluation.comparison import Compared, compare_all
from evaluation.comparison_table import (
    compared_metrics,
    reading,
    significance_markdown,
    significance_page,
    significance_table,
)
from pipeline.applications import checked
from pipeline.artefacts import write_json, write_text
from pipeline.progress import output
from pipeline.verdicts.finished_run import FinishedRun

RESULT: Final = "comparison.json"


@dataclass(frozen=True, kw_only=True)
class RunComparison:
    """The specification of a comparison.

    Parameters
    ----------
    metrics : sequence of str or None
        None: recall and nDCG at the first run's headline cut-off.
    n_resamples : int
        Of the intervals. Changes their ends slightly.
    n_draws : int
        Of the randomisation test; the least p is 1 / (n_draws + 1).
    seed : int
        Of both.
    """

    metrics: Sequence[str] | None = None
    n_resamples: int = 2000
    n_draws: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.metrics is not None:
            check_names(self, "metrics", may_be_empty=False)
        check_int(self, "n_resamples", low=100, high=100_000)
        check_int(self, "n_draws", low=100, high=10_000_000)
        check_int(self, "seed", low=0)

    def of(self, runs: Sequence[FinishedRun]) -> tuple[list[Compared], tuple[str, ...]]:
        """Every run beside the first, in the order given, and the metrics by which they are compared."""
        first = runs[0]
        metrics = tuple(self.metrics or compared_metrics(first.headline))
        unknown = [metric for metric in metrics if metric not in first.metric_names]
        if unknown:
            raise ConfigurationError(
                f"metrics must be out of {', '.join(first.metric_names)}. Got {', '.join(unknown)}."
            )
        found = compare_all(
            [run.values(*metrics) for run in runs],
            metrics,
            n_resamples=self.n_resamples,
            n_draws=self.n_draws,
            seed=self.seed,
        )
        labels = _labels([run.path for run in runs])
        rows = [
            Compared(label=label, metrics=run.metrics, comparison=comparison)
            for label, run, comparison in zip(labels, runs, [None, *found], strict=True)
        ]
        return rows, metrics


def run_compare(config: DictConfig) -> list[Compared]:
    """Compare runs with the first; prints the table, and where it is kept."""
    paths, out = checked(lambda: (config.runs, Path(str(config.out))))
    if not OmegaConf.is_list(paths) or len(paths) < 2:
        raise ConfigurationError(f"glowrank compare must be given two runs or more. Got {paths}.")
    comparison = _specification(config)
    _check_out(out)
    runs = [FinishedRun(Path(str(path))) for path in paths]
    rows, metrics = comparison.of(runs)
    said = reading(rows, comparison.n_draws)
    write_json(out / RESULT, _as_json(comparison, runs, rows, metrics))
    write_text(out / "comparison.md", significance_markdown(rows, metrics, said))
    write_text(out / "comparison.html", significance_page(rows, metrics, said))
    console = output()
    console.print(significance_table(rows, metrics))
    for sentence in [*said, f"Page: {out / 'comparison.html'}"]:
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)
    return rows


def _specification(config: DictConfig) -> RunComparison:
    names = ("metrics", "n_resamples", "n_draws", "seed")
    settings = checked(
        lambda: OmegaConf.to_container(OmegaConf.masked_copy(config, list(names)), resolve=True)
    )
    assert isinstance(settings, dict)
    return RunComparison(**{str(name): value for name, value in settings.items()})


def _check_out(out: Path) -> None:
    strangers = out.is_dir() and any(out.iterdir()) and not (out / RESULT).exists()
    if strangers or (out.exists() and not out.is_dir()):
        raise ConfigurationError(f"out must be new, empty or the folder of a comparison. Got {out}.")


def _labels(paths: Sequence[Path]) -> list[str]:
    """The folders' names, or their paths where names are not enough to tell them apart."""
    names = [path.resolve().name for path in paths]
    if len(set(names)) == len(names):
        return names
    return [f"{number}: {path}" for number, path in enumerate(paths, 1)]


def _as_json(
    comparison: RunComparison, runs: Sequence[FinishedRun], rows: Sequence[Compared], metrics: Sequence[str]
) -> dict[str, Any]:
    return {
        "metrics": list(metrics),
        "n_resamples": comparison.n_resamples,
        "n_draws": comparison.n_draws,
        "seed": comparison.seed,
        "runs": [
            {
                "label": row.label,
                "folder": str(run.path),
                "manifest_sha256": run.sha256,
                "means": {metric: row.figures.get(metric) for metric in metrics},
                "difference_to_first": row.differences or None,
                "not_compared": row.comparison.refused or None if row.comparison else None,
            }
            for run, row in zip(runs, rows, strict=True)
        ],
    }
