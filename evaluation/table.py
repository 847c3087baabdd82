"""Tables of results for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich import box
from rich.table import Table
from rich.text import Text

from evaluation.sections import MAIN_RUN
from evaluation.standing import ORACLE, mean_of, ordered_runs

MISSING: Final = "–"
STYLE: Final[Any] = {
    "box": box.SIMPLE_HEAD,
    "title_justify": "left",
    "pad_edge": False,
    "collapse_padding": True,
}


def results_table(metrics: Mapping[str, Any], headline: int = 10) -> Table:
    """All runs of one experiment: the main run first, then the others by nDCG.

    Parameters
    ----------
    metrics : mapping
        As in `metrics.json`.
    headline : int
        Cut-off of all columns.
    """
    runs, queries = metrics["runs"], metrics["queries"]
    table = Table(
        title=f"First {headline} items, {queries['warm']:,} users with history, 95 % intervals",
        **STYLE,
    )
    table.add_column("run", overflow="fold")
    for name in ("recall", "nDCG", "MRR", "hit rate", "coverage"):
        table.add_column(name, justify="right", min_width=15 if name in ("recall", "nDCG") else None)
    for run in ordered_runs(runs, headline):
        figures = runs[run]
        table.add_row(
            Text(run),  # Text: a name is no markup
            with_interval(figures.get(f"recall@{headline}")),
            with_interval(figures.get(f"ndcg@{headline}")),
            *(plain(figures.get(f"{key}@{headline}")) for key in ("mrr", "hit_rate", "coverage")),
            style="bold" if run == MAIN_RUN else "dim" if run == ORACLE else "",
        )
    return table


def runs_table(entries: Sequence[tuple[str, Mapping[str, Any]]], headline: int = 10) -> Table:
    """The main run of several experiments side by side, in the order given.

    Parameters
    ----------
    entries : sequence of (label, metrics)
        The label says what was varied; metrics as in `metrics.json`.
    headline : int
    """
    table = Table(title=f"{MAIN_RUN} of {len(entries)} runs", **STYLE)
    table.add_column("run", overflow="fold")
    for name in (f"recall@{headline}", f"nDCG@{headline}", "pool recall", "seconds", "peak MB"):
        table.add_column(name, justify="right", min_width=15 if "@" in name else None)
    means = [mean_of(metrics["runs"], MAIN_RUN, f"ndcg@{headline}") for _, metrics in entries]
    best = max((mean for mean in means if mean is not None), default=None)
    for (label, metrics), mean in zip(entries, means, strict=True):
        figures = metrics["runs"].get(MAIN_RUN, {})
        table.add_row(
            Text(label),
            with_interval(figures.get(f"recall@{headline}")),
            with_interval(figures.get(f"ndcg@{headline}")),
            plain(metrics.get("retrieval", {}).get("fused", {}).get("recall_all")),
            number(metrics.get("seconds", {}).get("total"), ",.1f"),
            number(metrics.get("peak_rss_mb"), ",.0f"),
            style="bold" if mean is not None and mean == best else "",
        )
    return table


def with_interval(figures: Mapping[str, float | None] | None) -> str:
    """The mean and its interval, "0.0523 [0.0491–0.0556]", which wraps at its one space if at all."""
    if figures is None or figures["mean"] is None or figures["low"] is None or figures["high"] is None:
        return plain(figures)
    return f"{figures['mean']:.4f} [{figures['low']:.4f}–{figures['high']:.4f}]"


def signed(figures: Mapping[str, float | None] | None) -> str:
    """A difference and its interval: "+0.0012 [-0.0003 to +0.0027]"."""
    if figures is None or figures["mean"] is None or figures["low"] is None or figures["high"] is None:
        return number(None if figures is None else figures["mean"], "+.4f")
    return f"{figures['mean']:+.4f} [{figures['low']:+.4f} to {figures['high']:+.4f}]"


def plain(figures: Mapping[str, float | None] | None) -> str:
    """The mean alone: "0.0523"."""
    return number(None if figures is None else figures["mean"], ".4f")


def number(value: float | None, form: str) -> str:
    """A number in the form given, a dash where there is none."""
    return MISSING if value is None else format(value, form)
