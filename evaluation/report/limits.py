"""What a run does not do, said with its own figures."""

from collections.abc import Mapping
from typing import Any

from evaluation.report.content import ReportContent
from evaluation.sections import MAIN_RUN, POOL
from evaluation.standing import mean_of


def limits(content: ReportContent) -> list[str]:
    """Sentences on whom and what the model serves badly or not at all; each from a figure of the run."""
    metrics, metric = content.metrics, f"ndcg@{content.headline}"
    said = [*_out_of_reach(metrics), *_without_history(metrics, metric), *_weakest_groups(content)]
    return [*said, *content.warnings, *content.notes]


def _out_of_reach(metrics: Mapping[str, Any]) -> list[str]:
    """What retrieval does not find, no order can show."""
    found = metrics.get("retrieval", {}).get(POOL, {}).get("recall_all", {}).get("mean")
    if found is None:
        return []
    return [f"{1 - found:.1%} of what users took next was not among the candidates: no order can show it."]


def _without_history(metrics: Mapping[str, Any], metric: str) -> list[str]:
    n, parts = metrics["queries"]["cold"], (metrics.get("cold", {}), metrics)
    cold, warm = (mean_of(part.get("runs", {}), MAIN_RUN, metric) for part in parts)
    if not n or cold is None or warm is None:
        return []
    return [f"{n:,} users without history: nDCG {cold:.4f} against {warm:.4f} of those with."]


def _weakest_groups(content: ReportContent, at_least: int = 50) -> list[str]:
    """Of each attribute the group that is served worst, where its interval lies below the mean of all."""
    overall = mean_of(content.metrics["runs"], MAIN_RUN, f"ndcg@{content.headline}")
    said = []
    for name, runs in content.groups.items():
        groups = {label: f for label, f in runs.get(MAIN_RUN, {}).items() if f["n"] >= at_least}
        if overall is None or not groups:
            continue
        label = min(groups, key=lambda key: groups[key]["mean"])
        worst = groups[label]
        if worst["high"] is not None and worst["high"] < overall:
            kind = f"{name.replace('_', ' ')} '{label}'"
            said.append(
                f"Users of {kind} ({worst['n']:,}) are served worse than the mean: nDCG {worst['mean']:.4f} "
                f"[{worst['low']:.4f}, {worst['high']:.4f}] against {overall:.4f}."
            )
    return said
