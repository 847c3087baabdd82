"""List making with one worker and with two, a thread each: python -m benchmarks.engines [ENGINE ...].

A shop of 30,000 users and 5,000 items is made once, and a recommender with the sources and features of the
defaults is fitted on it. Each measurement makes lists of 10,000 users as `recommend` does, with the workers
started and the model opened before the clock is, so that what is compared is the work. One and two workers
alternate, and the medians count. A line an engine is appended to `results/engines.jsonl`. On a machine that
does other work too the ratio of the seconds says little: the load before is noted beside it, and how many
processor seconds were spent, which tells what two workers take more than one.
"""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from hydra import compose, initialize_config_module
from rich.console import Console

from pipeline.applications import experiment_of
from pipeline.engines import Dask, Engine, Processes, Threads
from pipeline.lists_table import Lists
from pipeline.preparation import load
from pipeline.recommendation import POPULAR, Answers, Recommendation
from pipeline.two_stage import blocks

RESULTS: Final = Path(__file__).resolve().parent / "results" / "engines.jsonl"
ENGINES: Final[dict[str, Callable[[int], Engine]]] = {
    "threads": lambda n: Threads(threads=n),
    "processes": lambda n: Processes(workers=n),
    "dask": lambda n: Dask(workers=n),
}
BLOCK: Final = 500


def main() -> None:
    """Measure the engines named, all by default."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("engines", nargs="*", default=list(ENGINES), metavar="ENGINE")
    parser.add_argument("--users", type=int, default=30_000)
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--lists", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cache", default=None, help="folder in which fitted stages are kept")
    asked = parser.parse_args()
    console = Console()
    answers = fitted(asked.users, asked.items, asked.cache)
    for name in asked.engines:
        line = measure(name, answers, asked.lists, asked.rounds) | {
            "users": asked.users,
            "items": asked.items,
        }
        console.print_json(data=line)
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def fitted(n_users: int, n_items: int, cache: str | None) -> Answers:
    """A recommender with the defaults, but trained on one past snapshot, and all users to be answered."""
    overrides = [
        f"dataset.n_users={n_users}",
        f"dataset.n_items={n_items}",
        "split.n_training=1",
        "ranking.sampling.max_queries=500",
        "ranking.num_trees=200",
        "ranking.stop_after=200",
        "ranking.refit=false",
        f"cache_dir={cache or 'null'}",
    ]
    with initialize_config_module(config_module="conf", version_base="1.3"):
        experiment = experiment_of(compose("experiment", overrides))
    dataset = load(experiment.source, experiment.recommender.cache).dataset
    split = experiment.splitter.split(dataset)
    snapshot = Recommendation().asked(split.test)
    model = experiment.recommender.fit(split)
    return Answers(model, snapshot, POPULAR.fit(snapshot, {}), k=50)


def measure(name: str, answers: Answers, n_lists: int, rounds: int) -> dict[str, Any]:
    """Users a second with one worker and with two, and whether the lists are the same."""
    n_lists = min(n_lists, len(answers.snapshot.queries))
    rows = blocks(n_lists, BLOCK)
    load_before = os.getloadavg()[0]
    engines = {n: ENGINES[name](n) for n in (1, 2)}
    seconds: dict[int, list[float]] = {1: [], 2: []}
    spent: dict[int, list[float]] = {1: [], 2: []}
    first: dict[int, list[Lists]] = {}
    for n, engine in engines.items():
        first[n] = list(engine.map(Answers.lists, answers, rows[:4]))  # starts workers, opens, compiles
    for _ in range(rounds):
        for n, engine in engines.items():
            start, before = time.perf_counter(), processor_seconds()
            for _lists in engine.map(Answers.lists, answers, rows):
                pass
            seconds[n].append(time.perf_counter() - start)
            spent[n].append(processor_seconds() - before)
    medians = {n: statistics.median(taken) for n, taken in seconds.items()}
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "engine": name,
        "lists": n_lists,
        "block_size": BLOCK,
        "seconds": {str(n): [round(value, 2) for value in taken] for n, taken in seconds.items()},
        "users_a_second": {str(n): round(n_lists / taken) for n, taken in medians.items()},
        "processor_seconds": {str(n): [round(value, 2) for value in taken] for n, taken in spent.items()},
        "speedup": round(medians[1] / medians[2], 2),
        "equal": equal(first[1], first[2]),
        "load_before": round(load_before, 2),
        "cores": os.cpu_count(),
        "machine": platform.platform(),
    }


def processor_seconds() -> float:
    """Seconds of processors that this process and its workers have taken so far."""
    ticks = 0
    for pid in (os.getpid(), *(child.pid for child in multiprocessing.active_children())):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def equal(ours: Sequence[Lists], theirs: Sequence[Lists]) -> bool:
    """Whether blocks of lists are the same, scores to the last bit."""
    columns = ("user", "row", "rank", "item", "score", "sources")
    return all(
        np.array_equal(getattr(one, name).view(np.int32), getattr(two, name).view(np.int32))
        for one, two in zip(ours, theirs, strict=True)
        for name in columns
    )


if __name__ == "__main__":
    main()
