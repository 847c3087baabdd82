"""The report of an experiment: one HTML file that needs nothing else, not even a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import jinja2
from markupsafe import Markup, escape

from evaluation.plots.drawing import COLOURS, Plot
from evaluation.plots.forest import forest
from evaluation.plots.group_dots import group_dots
from evaluation.plots.recall_curves import recall_curves
from evaluation.sections import MAIN_RUN, POOL
from evaluation.standing import CEILING, best_baseline, mean_of, ordered_runs, verdict

IMPORTANCES_SHOWN: Final = 25
_LABELS: Final = {
    "ndcg": "nDCG", "recall": "Recall", "precision": "Precision", "mrr": "MRR", "map": "MAP",
    "hit_rate": "Hit rate", "coverage": "Coverage", "novelty": "Novelty", "diversity": "Diversity",
}  # fmt: skip
_FRONT: Final = ("ndcg", "recall", "mrr", "hit_rate", "coverage", "novelty", "diversity")


@dataclass(frozen=True, kw_only=True)
class ReportContent:
    """What the report tells; plain values, so that any run folder can be reported again.

    Parameters
    ----------
    metrics : mapping
        As in `metrics.json`. Its "dataset" and "split" are shown as they are, a line an entry.
    config : str
        The resolved configuration as YAML.
    title : str
        Name of the run.
    question : str
        What was asked, in a sentence or two.
    headline : int
        Cut-off of the figures that stand in front.
    importance : mapping of str to float
        Gain of each feature, "family.feature".
    groups : mapping of grouping to run to label to figures
        From `evaluate_groups`, of nDCG at `headline`.
    stage_peak_rss_mb : mapping of stage to float
        Peak memory of each stage in MB, where it was measured.
    quarantine : mapping of table to reason to rows
        What cleaning set aside.
    notes, warnings : sequence of str
    provenance : mapping of str to value
        Code revision, versions, seed and the like; shown at the end.
    """

    metrics: Mapping[str, Any]
    config: str
    title: str = "Experiment"
    question: str = ""
    headline: int = 10
    importance: Mapping[str, float] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    stage_peak_rss_mb: Mapping[str, float] = field(default_factory=dict)
    quarantine: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)


def render(content: ReportContent) -> str:
    """The report as HTML; equal contents give equal bytes."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("evaluation.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": _figure, "seconds": _seconds, "memory": _memory, "breakable": _breakable,
        "fact": _fact, "metric": _metric_label,
    }  # fmt: skip
    return environment.get_template("report.html.j2").render(
        content=content, metrics=content.metrics, **_view(content)
    )


def _view(content: ReportContent) -> dict[str, Any]:
    """What the template needs beside the content: orders, scales and plots."""
    metrics, k = content.metrics, content.headline
    runs = metrics["runs"]
    order = ordered_runs(runs, k)
    baseline = best_baseline(runs, k)
    sources = {name: f for name, f in metrics.get("retrieval", {}).items() if name != POOL}
    by_hits = sorted(sources, key=lambda name: (-sources[name]["unique_hits"], name))
    return {
        "k": k,
        "main": MAIN_RUN,
        "ceiling": CEILING,
        "order": order,
        "cold_order": ordered_runs(metrics.get("cold", {}).get("runs", {}), k),
        "baseline": baseline,
        "verdict": verdict(metrics, k),
        "share_of_ceiling": _share_of_ceiling(runs, k),
        "keys": _columns(runs),
        "front": [name for name in _columns(runs) if name in {f"{key}@{k}" for key in _FRONT}],
        "sources": {name: sources[name] for name in by_hits},
        "pool": metrics.get("retrieval", {}).get(POOL),
        "stages": {name: s for name, s in metrics.get("seconds", {}).items() if name != "total"},
        "importance": _importance(content.importance),
        "n_quarantined": sum(sum(reasons.values()) for reasons in content.quarantine.values()),
        "forest": forest(_headline_differences(metrics, order, k), f"nDCG@{k}"),
        "curves": recall_curves(metrics.get("retrieval", {})),
        "dots": _dots(content, [run for run in (MAIN_RUN, baseline) if run is not None]),
    }


def _columns(runs: Mapping[str, Any]) -> list[str]:
    """Names of all metrics, those that matter most first."""
    names = {name for figures in runs.values() for name in figures}
    rank = list(_LABELS)

    def place(name: str) -> tuple[int, int]:
        key, _, cut = name.partition("@")
        return rank.index(key) if key in rank else len(rank), int(cut) if cut.isdigit() else 0

    return sorted(sorted(names), key=place)


def _headline_differences(metrics: Mapping[str, Any], order: Sequence[str], k: int) -> dict[str, Any]:
    differences = metrics["differences"]
    pairs = [
        (run, differences.get(f"{MAIN_RUN} - {run}", {}).get(f"ndcg@{k}")) for run in order if run != CEILING
    ]
    return {run: figures for run, figures in pairs if figures is not None}


def _share_of_ceiling(runs: Mapping[str, Any], k: int) -> float | None:
    reached, possible = (mean_of(runs, run, f"ndcg@{k}") for run in (MAIN_RUN, CEILING))
    return reached / possible if reached is not None and possible else None


def _importance(gains: Mapping[str, float]) -> dict[str, Any]:
    """The features with most gain, as shares of all gain, and a colour for each family."""
    total = sum(gains.values()) or 1.0
    ranked = sorted(gains.items(), key=lambda entry: (-entry[1], entry[0]))
    shown = [(name, name.partition(".")[0], gain / total) for name, gain in ranked[:IMPORTANCES_SHOWN]]
    shares: dict[str, float] = {}
    for name, gain in ranked:
        family = name.partition(".")[0]
        shares[family] = shares.get(family, 0.0) + gain / total
    families = sorted(shares, key=lambda family: (-shares[family], family))
    colours = {family: COLOURS[at % len(COLOURS)] for at, family in enumerate(families)}
    return {"features": shown, "families": {name: shares[name] for name in families}, "colours": colours}


def _dots(content: ReportContent, runs: Sequence[str]) -> dict[str, Plot]:
    drawn = {
        name: group_dots({run: of[run] for run in runs if run in of}, f"nDCG@{content.headline}")
        for name, of in content.groups.items()
    }
    return {name: plot for name, plot in drawn.items() if plot is not None}


def _figure(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _seconds(value: float) -> str:
    if value < 60:
        return f"{value:.1f} s" if value >= 0.05 else f"{value * 1000:.0f} ms"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"


def _memory(megabytes: float) -> str:
    return f"{megabytes:,.0f} MB" if megabytes < 1000 else f"{megabytes / 1024:,.2f} GB"


def _breakable(name: object) -> Markup:
    """A long name that may break after its underscores and full stops."""
    return Markup(str(escape(str(name))).replace("_", "_<wbr>").replace(".", ".<wbr>"))


def _fact(value: Any) -> str:
    """Any plain value in a line: thousands separated, lists with commas."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_fact(entry)}" for key, entry in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_fact(entry) for entry in value)
    return str(value)


def _metric_label(name: str) -> str:
    key, _, cut = name.partition("@")
    label = _LABELS.get(key, key)
    unit = ", bits" if key == "novelty" else ""
    return f"{label}@{cut}{unit}" if cut else label + unit
