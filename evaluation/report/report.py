"""The report of an experiment: one HTML file that needs nothing else, not even a network."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import jinja2

from evaluation.groups import FEWEST
from evaluation.plots.drawing import COLOURS, Plot
from evaluation.plots.forest import forest
from evaluation.plots.group_dots import group_dots
from evaluation.plots.loss_bars import losses_view
from evaluation.plots.recall_curves import recall_curves
from evaluation.report.content import ReportContent
from evaluation.report.limits import limits
from evaluation.report.wording import FILTERS, LABELS
from evaluation.sections import MAIN_RUN, POOL
from evaluation.standing import ORACLE, best_baseline, mean_of, ordered_runs, verdict

IMPORTANCES_SHOWN: Final = 25
_FRONT: Final = ("ndcg", "recall", "mrr", "hit_rate", "coverage", "novelty", "diversity")


def render(content: ReportContent) -> str:
    """The report as HTML; equal contents give equal bytes."""
    return _filled("report.html.j2", content, _facts(content) | _plots(content), escaped=True)


def render_model_card(content: ReportContent) -> str:
    """The model card as Markdown: what the model is, what it is for, how good it is for whom, and its limits.

    References
    ----------
    Mitchell et al., "Model Cards for Model Reporting", FAT* 2019 (its sections).
    """
    return _filled("model_card.md.j2", content, _facts(content), escaped=False)


def _filled(template: str, content: ReportContent, view: Mapping[str, Any], *, escaped: bool) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("evaluation.report"),
        autoescape=escaped,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    return environment.get_template(template).render(content=content, metrics=content.metrics, **view)


def _facts(content: ReportContent) -> dict[str, Any]:
    """What templates need beside the content: orders, scales and sentences."""
    metrics, k = content.metrics, content.headline
    runs = metrics["runs"]
    order = ordered_runs(runs, k)
    baseline = best_baseline(runs, k)
    sources = {name: f for name, f in metrics.get("retrieval", {}).items() if name != POOL}
    by_hits = sorted(sources, key=lambda name: (-sources[name]["unique_hits"], name))
    return {
        "k": k,
        "main": MAIN_RUN,
        "oracle": ORACLE,
        "order": order,
        "cold_order": ordered_runs(metrics.get("cold", {}).get("runs", {}), k),
        "baseline": baseline,
        "verdict": verdict(metrics, k),
        "share_of_oracle": _share_of_oracle(runs, k),
        "keys": _columns(runs),
        "front": [name for name in _columns(runs) if name in {f"{key}@{k}" for key in _FRONT}],
        "sources": {name: sources[name] for name in by_hits},
        "pool": metrics.get("retrieval", {}).get(POOL),
        "stages": {name: s for name, s in metrics.get("seconds", {}).items() if name != "total"},
        "importance": _importance(content.importance),
        "n_quarantined": sum(sum(reasons.values()) for reasons in content.quarantine.values()),
        "limits": limits(content),
    }


def _plots(content: ReportContent) -> dict[str, Any]:
    """What is drawn."""
    metrics, k = content.metrics, content.headline
    order, baseline = ordered_runs(metrics["runs"], k), best_baseline(metrics["runs"], k)
    return {
        "forest": forest(_headline_differences(metrics, order, k), f"nDCG@{k}"),
        "curves": recall_curves(metrics.get("retrieval", {})),
        "losses": losses_view(metrics.get("losses")),
        "fewest": FEWEST,
        "dots": _dots(content, [run for run in (MAIN_RUN, baseline) if run is not None]),
    }


def _columns(runs: Mapping[str, Any]) -> list[str]:
    """Names of all metrics, those that matter most first."""
    names = {name for figures in runs.values() for name in figures}
    rank = list(LABELS)

    def place(name: str) -> tuple[int, int]:
        key, _, cut = name.partition("@")
        return rank.index(key) if key in rank else len(rank), int(cut) if cut.isdigit() else 0

    return sorted(sorted(names), key=place)


def _headline_differences(metrics: Mapping[str, Any], order: Sequence[str], k: int) -> dict[str, Any]:
    differences = metrics["differences"]
    pairs = [
        (run, differences.get(f"{MAIN_RUN} - {run}", {}).get(f"ndcg@{k}")) for run in order if run != ORACLE
    ]
    return {run: figures for run, figures in pairs if figures is not None}


def _share_of_oracle(runs: Mapping[str, Any], k: int) -> float | None:
    ours, oracle_s = (mean_of(runs, run, f"ndcg@{k}") for run in (MAIN_RUN, ORACLE))
    return ours / oracle_s if ours is not None and oracle_s else None


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
