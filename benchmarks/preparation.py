"""Rows a second and peak memory of `glowrank prepare`, of encoding and of `explore`, against a plain read.

    python -m benchmarks.preparation [--rows 20000000] [--folder DIR]

A shop of CSV files is written chunk by chunk, with ids as the synthetic shop has them and a little dirt. Then
each of the following is a process of its own, so that its peak memory is its own: `pandas.read_csv` of the
same file with no options, the preparation, its second run, the coding of the tables, `glowrank explore` of
them, and the preparation after one hundredth of the rows has been appended. A line is appended to
`results/preparation.jsonl`.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from dataset.encoding import encode
from dataset.interactions import KINDS
from dataset.sources.tables import TableFiles
from dataset.storage import open_tables
from pipeline.preparation import prepare

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = Path(__file__).resolve().parent / "results" / "preparation.jsonl"
_CHUNK: Final = 500_000
_EVENTS_A_USER: Final = 100
_N_ITEMS: Final = 20_000
_N_DAYS: Final = 730
_SHARES: Final = (0.20, 0.08, 0.07, 0.05, 0.55, 0.05)  # of the kinds of events, as in the synthetic shop
_MAPPING: Final = """
items:
  file: items.csv
  columns: {item: item, name: name, brand: brand, category: category, price: price, ingredients: ingredients}
users:
  file: users.csv
  columns: {user: user, age: age, skin_type: skin_type}
interactions:
  file: events.csv
  columns: {user: user, item: item, kind: kind, value: value, quantity: quantity, timestamp: at}
"""


def main() -> None:
    """Write the files, run every stage, print and keep the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000_000, help="interactions")
    parser.add_argument("--folder", type=Path, help="where the files are put; a temporary folder if left out")
    parser.add_argument("--stage", choices=sorted(STAGES), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stage:
        print(json.dumps(STAGES[arguments.stage](arguments.folder)))
    elif arguments.folder:
        run(arguments.folder, arguments.rows)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            run(Path(scratch), arguments.rows)


def run(folder: Path, n_rows: int) -> None:
    """All stages over one shop, and a line in the results."""
    folder.mkdir(parents=True, exist_ok=True)
    write_shop(folder, n_rows)
    figures: dict[str, Any] = {}
    for stage in ("pandas", "prepare", "again", "encode", "explore"):
        figures[stage] = measured(stage, folder, n_rows)
    write_events(folder, n_rows // 100, n_users=_n_users(n_rows), first_day=_N_DAYS - 5, seed=1, append=True)
    figures["appended"] = measured("appended", folder, n_rows // 100)
    line = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": n_rows,
        "csv_mb": round((folder / "events.csv").stat().st_size / 1e6),
        "processor": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "prepare_against_pandas": figures["prepare"]["seconds"] / figures["pandas"]["seconds"],
        "stages": figures,
    }
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    for stage, found in figures.items():
        speed = f"{found['seconds']:9.1f} s{found['rows_a_second']:14,.0f} rows/s"
        print(f"{stage:<10}{speed}{found['peak_rss_mb']:9,.0f} MB")
    print(f"Appended to {RESULTS}")


def measured(stage: str, folder: Path, n_rows: int) -> dict[str, Any]:
    """A stage in a process of its own: seconds of the work itself, peak memory of process and children."""
    command = [sys.executable, "-m", "benchmarks.preparation", "--stage", stage, "--folder", str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"The stage {stage} failed.")
    facts: dict[str, Any] = json.loads(text.splitlines()[-1])
    return {**facts, "rows_a_second": n_rows / facts["seconds"], "peak_rss_mb": usage.ru_maxrss / 1024,
            "processor_seconds": usage.ru_utime + usage.ru_stime}  # fmt: skip


def _pandas(folder: Path) -> dict[str, Any]:
    start = time.perf_counter()
    frame = pd.read_csv(folder / "events.csv")
    return {"seconds": time.perf_counter() - start, "rows_read": len(frame)}


def _prepare(folder: Path) -> dict[str, Any]:
    start = time.perf_counter()
    source = TableFiles(path=str(folder), mapping=str(folder / "mapping.yaml"))
    outcome = prepare(source, folder / "prepared")
    return {
        "seconds": time.perf_counter() - start,
        "made": dict(outcome.made),
        "counts": outcome.report["tables"]["interactions"],
    }


def _encode(folder: Path) -> dict[str, Any]:
    start = time.perf_counter()
    dataset = encode(open_tables(folder / "prepared"), "benchmark")
    return {
        "seconds": time.perf_counter() - start,
        "events": len(dataset.interactions),
        "digest": dataset.digest,
    }


def _explore(folder: Path) -> dict[str, Any]:
    start = time.perf_counter()
    told = [f"dataset.path={folder / 'prepared'}", f"out={folder / 'explored'}", "cache_dir=null"]
    command = [sys.executable, "-m", "scripts.main", "explore", "dataset=canonical", *told]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return {"seconds": time.perf_counter() - start}


STAGES: Final = {
    "pandas": _pandas,
    "prepare": _prepare,
    "again": _prepare,
    "encode": _encode,
    "explore": _explore,
    "appended": _prepare,
}


def write_shop(folder: Path, n_rows: int) -> None:
    """Files of a shop with so many events, by time, and the mapping that explains them."""
    rng = np.random.default_rng(0)
    (folder / "mapping.yaml").write_text(_MAPPING + "timezone: UTC\n", encoding="utf-8")
    n_users = _n_users(n_rows)
    users = {"user": _ids("u", np.arange(n_users)), "age": rng.integers(16, 80, n_users).astype(str)}
    users["skin_type"] = rng.choice(["dry", "oily", "normal", ""], n_users)
    pd.DataFrame(users).to_csv(folder / "users.csv", index=False)
    at = np.arange(_N_ITEMS)
    words = np.array(["Aqua", "Glycerin", "Parfum", "Retinol", "Niacinamide", "Squalane", "Panthenol"])
    labels = [", ".join(words[row]) for row in rng.integers(0, len(words), (_N_ITEMS, 6))]
    items = pd.DataFrame(
        {"item": _ids("p", at), "name": _ids("Serum ", at), "brand": _ids("Brand ", at % 300)}
    )
    items = items.assign(category=_ids("Skin ", at % 40), price=rng.uniform(3, 90, _N_ITEMS).round(2))
    items.assign(ingredients=labels).to_csv(folder / "items.csv", index=False)
    write_events(folder, n_rows, n_users=n_users, first_day=0, seed=0, append=False)


def write_events(folder: Path, n_rows: int, *, n_users: int, first_day: int, seed: int, append: bool) -> None:
    """Events by time; one in two thousand is of a product that nobody knows, some repeat."""
    rng = np.random.default_rng(seed)
    ids = pa.array(_ids("u", np.arange(n_users)))
    products = pa.array([*_ids("p", np.arange(_N_ITEMS)), "gone"])
    kinds = pa.array(KINDS)
    seconds = np.sort(rng.integers(first_day * 86_400, _N_DAYS * 86_400, n_rows))
    with (folder / "events.csv").open("ab" if append else "wb") as file:
        for start in range(0, n_rows, _CHUNK):
            n = min(_CHUNK, n_rows - start)
            kind = rng.choice(len(KINDS), n, p=_SHARES)
            item = np.where(rng.random(n) < 5e-4, _N_ITEMS, (rng.random(n) ** 3 * _N_ITEMS).astype(np.int64))
            moments = seconds[start : start + n].astype("datetime64[s]") + np.datetime64(
                "2022-01-01", "s"
            ).astype(int)
            columns = {
                "user": ids.take(pa.array((rng.random(n) ** 2 * n_users).astype(np.int64))),
                "item": products.take(pa.array(item)),
                "kind": kinds.take(pa.array(kind)),
                "value": pa.array(
                    np.where(kind == KINDS.index("rating"), rng.integers(1, 6, n), 0).astype(str)
                ),
                "quantity": pa.array(rng.integers(1, 3, n)),
                "at": pa.array(moments).cast(pa.string()),
            }
            options = pa_csv.WriteOptions(include_header=start == 0 and not append)
            pa_csv.write_csv(pa.table(columns), file, options)


def _n_users(n_rows: int) -> int:
    return max(n_rows // _EVENTS_A_USER, 10)


def _ids(prefix: str, numbers: npt.NDArray[np.integer]) -> list[str]:
    return [f"{prefix}{number:06d}" for number in numbers.tolist()]


if __name__ == "__main__":
    main()
