"""Cells as a benchmark writes them, with the costs and figures that a test wants."""

from typing import Any

VERSIONS = {"glowrank": "0.1", "revision": "abc", "python": "3.12", "libraries": {"numpy": "2.3"}}


def cell(name: str, ndcg: float | None = 0.1, seconds: float | None = 0.001, **facts: Any) -> dict[str, Any]:
    """A two-stage cell that was measured, unless `facts` say otherwise."""
    stages = dict.fromkeys(("search", "features", "ranking", "cutting"), seconds and seconds / 4)
    figures = {"mean": ndcg, "low": ndcg and ndcg - 0.01, "high": ndcg and ndcg + 0.01}
    return {
        "cell": name,
        "kind": "two_stage",
        "build": {},
        "query": {},
        "overrides": [],
        "exact": True,
        "key": name,
        "status": "done",
        "reason": None,
        "versions": VERSIONS,
        "processor": {"name": "a processor", "cores": 2},
        "threads": 1,
        "data": "d" * 64,
        "n_items": 100,
        "n_users": 50,
        "n_events": 900,
        "n_queries": 40,
        "n_candidates": 30.0,
        "n_trees": 10,
        "n_features": 20,
        "seconds_of_fit": {"training": 2.0, "total": 5.0},
        "seconds_per_user": {**stages, "total": seconds},
        "peak_memory_bytes": 4e8,
        "index_bytes": 1e6,
        "model_bytes": 2e6,
        "index_recall": 1.0,
        "pool_recall": 0.5,
        "ndcg@10": figures,
        "coverage@10": 0.3,
        "share_of_exhaustive": None,
        **facts,
    }


def failed(name: str, reason: str) -> dict[str, Any]:
    """A cell that could not be measured."""
    empty = dict.fromkeys(("ndcg@10", "seconds_per_user", "peak_memory_bytes", "n_items", "data"))
    return cell(name, status="failed", reason=reason, **empty)
