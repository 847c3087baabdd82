"""Seconds and peak memory by stage of the main job: `make bench`, or python -m benchmarks.run [NAME ...].

Each case is a process of its own with an empty cache, so that every stage is computed and its peak memory is
its own. A line a case is appended to `results/stages.jsonl`. Absolute seconds drift on a shared machine;
the shares of the total, and users a second over the whole, are comparable within a line.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

ROOT: Final = Path(__file__).resolve().parent.parent
DATA: Final = Path(os.environ.get("GLOWRANK_DATA", ROOT.parent / "shared" / "data"))
RESULTS: Final = Path(__file__).resolve().parent / "results" / "stages.jsonl"

CASES: Final = {
    "amazon_beauty": (
        "experiment=amazon_beauty",
        f"dataset.path={DATA / 'amazon_beauty'}",
    ),
    "sephora": (
        "experiment=sephora",
        f"dataset.path={DATA / 'sephora'}",
        f"dataset.cosing={DATA / 'cosing' / 'cosing.csv'}",
    ),
    "shop_10k": ("dataset.n_users=10000", "dataset.n_items=2000"),
    "shop_100k": ("dataset.n_users=100000", "dataset.n_items=5000"),
}


def main() -> None:
    """Run the cases named, all by default; those whose data is absent are left out with a word."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", default=list(CASES), metavar="NAME", help=", ".join(CASES))
    arguments = parser.parse_args()
    console = Console()
    lines = []
    for name in arguments.cases:
        if name not in CASES:
            parser.error(f"NAME must be one of {', '.join(CASES)}. Got {name!r}.")
        missing = [path for path in _paths(CASES[name]) if not Path(path).exists()]
        if missing:
            console.print(f"{name}: left out, {missing[0]} is absent")
            continue
        console.print(f"{name} ...")
        lines.append(measure(name, CASES[name]))
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(lines[-1]) + "\n")
    console.print(table(lines))
    console.print(f"Appended to {RESULTS}")


def measure(name: str, overrides: tuple[str, ...]) -> dict[str, Any]:
    """Run one case in a fresh process and read what it says of itself."""
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        command = [sys.executable, "-m", "scripts.main", "experiment", *overrides]
        command += [f"run.dir={run}", f"cache_dir={scratch}/cache", f"run.name={name}"]
        subprocess.run(command, check=True, cwd=ROOT)
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    seconds = metrics["seconds"]
    return {
        "case": name,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": manifest["revision"],
        "processor": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "libraries": manifest["libraries"],
        "interactions": metrics["dataset"]["interactions"],
        "test_queries": metrics["queries"]["all"],
        "seconds": seconds,
        "share": {stage: took / seconds["total"] for stage, took in seconds.items() if stage != "total"},
        "seconds_inside_blocks": metrics["seconds_inside_blocks"],
        "test_queries_a_second": metrics["queries"]["all"] / seconds["test_lists"],
        "peak_rss_mb": metrics["peak_rss_mb"],
        "peak_rss_mb_after": metrics["peak_rss_mb_after"],
        "two_stage": {key: metrics["runs"]["two_stage"][key] for key in ("recall@10", "ndcg@10")},
    }


def table(lines: list[dict[str, Any]]) -> Table:
    """The cases side by side: seconds by stage, then totals."""
    shown = Table(title="Seconds by stage")
    shown.add_column("stage")
    for line in lines:
        shown.add_column(line["case"], justify="right")
    stages = list(dict.fromkeys(stage for line in lines for stage in line["seconds"]))
    for stage in stages:
        shown.add_row(stage, *(f"{line['seconds'].get(stage, 0):,.1f}" for line in lines))
    shown.add_row("peak MB", *(f"{line['peak_rss_mb']:,.0f}" for line in lines))
    shown.add_row("test queries a second", *(f"{line['test_queries_a_second']:,.0f}" for line in lines))
    return shown


def _paths(overrides: tuple[str, ...]) -> list[str]:
    return [
        value
        for key, _, value in (part.partition("=") for part in overrides)
        if value.startswith("/") and key
    ]


if __name__ == "__main__":
    main()
