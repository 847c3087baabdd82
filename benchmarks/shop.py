"""The synthetic shop at size: seconds and peak memory to make it, to code it, and to embed its products.

    python -m benchmarks.shop [--items 1000000] [--users 1000000] [--events 30000000] [--out DIR]

Each of the following is a process of its own, so that its peak memory is its own: `glowrank prepare` of the
shop into DIR/prepared, where `dataset=canonical dataset.path=DIR/prepared` finds it; the coding of these
tables, and the newest snapshot of them; each embedding, fitted on that snapshot, which it maps into memory. A
line is appended to `results/shop.jsonl`. What has been prepared before, by the same code, is not made again:
give a new folder to measure.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from dataset.encoding import encode
from dataset.persistence import load, memory_mapped, save
from dataset.snapshot import Snapshot
from dataset.splits.temporal import Temporal
from dataset.storage import open_tables
from dataset.vectors import Vectors
from features.vectors.collaborative import CollaborativeVectors
from features.vectors.functionality import FunctionalityVectors
from features.vectors.ingredients import IngredientVectors

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = Path(__file__).resolve().parent / "results" / "shop.jsonl"
EMBEDDINGS: Final[dict[str, IngredientVectors | FunctionalityVectors | CollaborativeVectors]] = {
    "ingredients": IngredientVectors(),
    "functionality": FunctionalityVectors(),
    "collaborative": CollaborativeVectors(),
}
PACKAGES: Final = ("numpy", "scipy", "numba", "pandas", "pyarrow")
_SAYS: Final = {"purchase": 1.0, "rating": 1.0, "like": 0.6, "save": 0.6, "search": 0.3, "view": 0.2}


def main() -> None:
    """Make the shop, run every stage, print and keep the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=30_000_000, help="of all kinds, about")
    parser.add_argument("--out", type=Path, help="where the tables are left; a temporary folder if left out")
    parser.add_argument("--stage", choices=sorted(STAGES), help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.stage:
        print(json.dumps(STAGES[told.stage](told)))
    elif told.out:
        run(told, told.out)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            run(told, Path(scratch))


def run(told: argparse.Namespace, folder: Path) -> None:
    """All stages over one shop, and a line in the results."""
    folder.mkdir(parents=True, exist_ok=True)
    size = {"items": told.items, "users": told.users, "events": told.events}
    figures = {stage: measured(stage, folder, size) for stage in STAGES}
    line = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        **size,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "processor": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "stages": figures,
    }
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    for stage, found in figures.items():
        seconds = f"{found['seconds']:9.1f} s{found['processor_seconds']:9.1f} s of processor"
        print(f"{stage:<15}{seconds}{found['peak_rss_mb']:9,.0f} MB")
    print(f"Appended to {RESULTS}")


def measured(stage: str, folder: Path, size: dict[str, int]) -> dict[str, Any]:
    """A stage in a process of its own: seconds of the work itself, peak memory of process and children."""
    sizes = [f"--{name}={number}" for name, number in size.items()]
    command = [sys.executable, "-m", "benchmarks.shop", "--stage", stage, "--out", str(folder), *sizes]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"The stage {stage} failed.")
    facts: dict[str, Any] = json.loads(text.splitlines()[-1])
    return {**facts, "peak_rss_mb": usage.ru_maxrss / 1024,
            "processor_seconds": usage.ru_utime + usage.ru_stime}  # fmt: skip


def _prepare(told: argparse.Namespace) -> dict[str, Any]:
    size = {"n_items": told.items, "n_users": told.users, "events_per_user": told.events / told.users}
    command = [
        sys.executable,
        "-m",
        "scripts.main",
        "prepare",
        "dataset=shop",
        f"out={told.out / 'prepared'}",
    ]
    command += [f"dataset.{name}={number}" for name, number in size.items()]
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    seconds = time.perf_counter() - start
    files = [path for path in (told.out / "prepared").rglob("*.parquet") if ".staged" not in path.parts]
    report = json.loads((told.out / "prepared" / "report.json").read_text(encoding="utf-8"))
    return {
        "seconds": seconds,
        "tables_mb": sum(path.stat().st_size for path in files) / 1e6,
        "kept": {name: counts["kept"] for name, counts in report["tables"].items()},
    }


def _encode(told: argparse.Namespace) -> dict[str, Any]:
    start = time.perf_counter()
    dataset = encode(open_tables(told.out / "prepared"), "shop")
    seconds = time.perf_counter() - start
    split = Temporal(target_kinds=("purchase",), event_weights=_SAYS, grades={"purchase": 1})
    snapshot = split.latest(dataset)
    save(snapshot, told.out / "snapshot")
    return {
        "seconds": seconds,
        "with_snapshot": time.perf_counter() - start,
        "events": len(dataset.interactions),
        "digest": dataset.digest,
    }


def _embed(name: str, told: argparse.Namespace) -> dict[str, Any]:
    with memory_mapped():
        snapshot: Snapshot = load(told.out / "snapshot")
    before = _resident_mb()
    start = time.perf_counter()
    vectors: Vectors | None = EMBEDDINGS[name].fit(snapshot)
    seconds = time.perf_counter() - start
    assert vectors is not None
    return {
        "seconds": seconds,
        "before_mb": before,
        "vectors": list(vectors.matrix.shape),
        "digest": hashlib.sha256(vectors.matrix.tobytes()).hexdigest(),
    }


def _resident_mb() -> float:
    """Memory of this process as it is now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


STAGES: Final[dict[str, Callable[[argparse.Namespace], dict[str, Any]]]] = {
    "prepare": _prepare,
    "encode": _encode,
    **{name: partial(_embed, name) for name in EMBEDDINGS},
}


if __name__ == "__main__":
    main()
