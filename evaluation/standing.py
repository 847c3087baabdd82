"""In which order runs are shown, and against which one the main run is judged."""

from collections.abc import Mapping
from typing import Any, Final

from evaluation.sections import MAIN_RUN

ORACLE: Final = "oracle"  # knows the true choice model of synthetic data, as no recommender can


def mean_of(runs: Mapping[str, Any], run: str, metric: str) -> float | None:
    """The mean of one metric of one run, None where there is none."""
    figures = runs.get(run, {}).get(metric)
    return None if figures is None else figures["mean"]


def ordered_runs(runs: Mapping[str, Any], headline: int) -> list[str]:
    """The main run, then the others by nDCG, best first; the oracle comes last.

    Parameters
    ----------
    runs : mapping
        The section "runs" of `metrics.json`.
    headline : int
        Cut-off of the nDCG.
    """

    def standing(run: str) -> tuple[bool, bool, float, str]:
        ndcg = mean_of(runs, run, f"ndcg@{headline}")
        return run != MAIN_RUN, run == ORACLE, -(ndcg if ndcg is not None else -1.0), run

    return sorted(runs, key=standing)


def best_baseline(runs: Mapping[str, Any], headline: int) -> str | None:
    """The best run beside the main one that is not the oracle; None where there is none."""
    others = [run for run in ordered_runs(runs, headline) if run not in (MAIN_RUN, ORACLE)]
    return others[0] if others else None


def verdict(metrics: Mapping[str, Any], headline: int) -> str:
    """One sentence: whether the main run is better than the best baseline, as far as can be told."""
    baseline = best_baseline(metrics["runs"], headline)
    figures = metrics["differences"].get(f"{MAIN_RUN} - {baseline}", {}).get(f"ndcg@{headline}")
    if not figures or figures["mean"] is None or figures["low"] is None:
        return "There is no other run to compare with."
    interval = f"95\N{NO-BREAK SPACE}% interval {figures['low']:+.4f} to {figures['high']:+.4f}"
    spread = f"{figures['mean']:+.4f} nDCG@{headline}, {interval}"
    if figures["low"] > 0:
        return f"{MAIN_RUN} is better than the best baseline, {baseline}: {spread}."
    if figures["high"] < 0:
        return f"{MAIN_RUN} is worse than the best baseline, {baseline}: {spread}."
    return f"{MAIN_RUN} cannot be told apart from the best baseline, {baseline}: {spread}."
