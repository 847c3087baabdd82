"""A night's lists against the plain kernels that they cannot do without: python -m benchmarks.batch.

    python -m benchmarks.batch [--folder DIR] [--settings benchmarks/batch.yaml] [STAGE ...]

Stages, each a process of its own and each taken up where it was left:

- `shops`: the shops of `n_users`, prepared;
- `runs`: `glowrank experiment` on the smaller one, for each of `experiments`;
- `kernels`: on blocks of users of the larger one, in turn, the *yardstick* (FAISS searches for what every
  user searches for, and `Booster.predict` on the features of all candidates, both with all threads) and the
  whole pipeline from histories to parts on the disk, with each scorer, with the cascade and without;
- `nights`: `glowrank recommend`, stages and peak memory: for all users of each shop; for as many users of the
  larger one as the smaller one has; and, for a share of the larger one's, with the cascade and without, with
  each scorer. What is fitted comes from the cache in all but the first of a shop.

Ratios are of figures of one process. Clocks say little on a machine with other work: processor seconds stand
beside them, and the load before. A line a stage is appended to `results/batch.jsonl`.
"""

import argparse
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from omegaconf import OmegaConf
from rich.console import Console

from benchmarks.yardstick import Yardstick
from dataset.snapshot import Snapshot
from pipeline.applications import cleaning_of
from pipeline.cache import Cache
from pipeline.configuration import build
from pipeline.engines import Threads
from pipeline.lists_folder import ListsFolder
from pipeline.preparation import load
from pipeline.progress import Stopwatch
from pipeline.recommendation import Recommendation
from pipeline.stage_one import StageOneFitter
from pipeline.two_stage import FittedTwoStage
from ranking.cascade import FittedCascade
from ranking.scorers import BitVectors, Native
from ranking.scorers.scorer import Scorer

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = Path(__file__).resolve().parent / "results" / "batch.jsonl"
SETTINGS: Final = Path(__file__).resolve().parent / "batch.yaml"
STAGES: Final = ("shops", "runs", "kernels", "nights")
SCORERS: Final[Mapping[str, Callable[[], Scorer]]] = {"lightgbm": Native, "bitvectors": BitVectors}


def main() -> None:
    """Do the stages that are asked for, each in a process of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stages", nargs="*", default=list(STAGES), metavar="STAGE")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "glowrank_batch")
    parser.add_argument("--settings", type=Path, default=SETTINGS)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    settings: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(asked.settings))  # type: ignore[assignment]
    asked.folder.mkdir(parents=True, exist_ok=True)
    for stage in asked.stages:
        if stage == "kernels" and not asked.inside:  # which opens large things: a process of its own
            words = [stage, "--inside", "--folder", str(asked.folder), "--settings", str(asked.settings)]
            subprocess.run([sys.executable, "-m", "benchmarks.batch", *words], check=True, cwd=ROOT)
            continue
        load_before = os.getloadavg()[0]
        figures = {"shops": shops, "runs": runs, "kernels": kernels, "nights": nights}[stage](
            asked.folder, settings
        )
        line = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "stage": stage,
            "settings": settings,
            **figures,
            "load_before": round(load_before, 2),
            "cores": os.cpu_count(),
            "machine": platform.platform(),
            "versions": {name: version(name) for name in ("faiss-cpu", "lightgbm", "numpy", "numba")},
        }
        Console().print_json(data=line)
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def shops(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Prepare the shops."""
    made = {}
    for n_users in settings["n_users"]:
        out = folder / f"shop_{n_users}"
        words = [f"dataset.n_items={settings['n_items']}", f"dataset.n_users={n_users}", f"out={out}"]
        words.append(f"dataset.events_per_user={settings['events_per_user']}")
        made[str(n_users)] = _glowrank("prepare", "dataset=shop", *words)
    return {"shops": made}


def runs(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Train on the smaller shop; accuracy of each run, with the loss that the cascade brings about."""
    _point(folder, settings["n_users"][0])
    made, values = {}, {}
    for name, experiment in settings["experiments"].items():
        run = folder / f"run_{name}"
        if not (run / "metrics.json").is_file():
            words = [f"experiment={experiment}", "dataset=canonical", f"dataset.path={folder / 'shop'}"]
            words += [f"run.dir={run}", f"cache_dir={folder / 'cache'}", f"threads={settings['threads']}"]
            made[name] = _glowrank("experiment", *words, "evaluation.n_resamples=500")
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        values[name] = metrics["runs"]["two_stage"]
    return {"runs": made, "accuracy": values}


def kernels(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The yardstick and the pipeline in turn, on the same blocks."""
    _point(folder, settings["n_users"][-1])
    job = Recommendation(n=settings["n"], engine=Threads(threads=settings["threads"]))
    models, snapshot, dataset = _models(folder, settings, job)
    plain = models["plain"]
    blocks = _blocks(snapshot, job.block_size, settings["blocks"])
    some = replace(snapshot, queries=snapshot.queries.take(np.concatenate(blocks)))
    n_users = len(some.queries)

    def pipeline(model: FittedTwoStage) -> Callable[[], None]:
        def run() -> None:
            with tempfile.TemporaryDirectory() as out, ListsFolder.at(Path(out) / "lists").locked() as lists:
                job.write(model, some, dataset, lists, "run", range(job.n_parts(some)))

        return run

    ways: dict[str, Callable[[], None]] = {}
    inputs = Yardstick.of(plain, some, job.block_size)
    ways["yardstick_search"] = lambda: inputs.search(settings["threads"])
    ways["yardstick_predict"] = lambda: inputs.predict(settings["threads"])
    for name, model in models.items():
        for scorer in settings["scorers"]:
            ways[f"{name}_{scorer}"] = pipeline(replace(model, scorer=SCORERS[scorer]()))
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(settings["rounds"] + 1):  # the first warms up
        for name, way in ways.items():
            start, before = time.perf_counter(), _processor_seconds()
            way()
            if number:
                taken[name].append((time.perf_counter() - start, _processor_seconds() - before))
    clock = {name: statistics.median(value for value, _ in pairs) for name, pairs in taken.items()}
    spent = {name: statistics.median(value for _, value in pairs) for name, pairs in taken.items()}
    return {
        "users": n_users,
        "candidates_a_user": round(inputs.n_candidates / n_users, 1),
        "searches_a_user": round(inputs.n_searches / n_users, 2),
        "features": inputs.n_features,
        "trees": inputs.booster.num_trees(),
        "milliseconds_a_user": {name: round(1e3 * value / n_users, 4) for name, value in clock.items()},
        "processor_milliseconds_a_user": {n: round(1e3 * value / n_users, 4) for n, value in spent.items()},
        "users_a_second": {name: round(n_users / value) for name, value in clock.items()},
        "over_yardstick": _over(clock),
        "over_yardstick_of_processors": _over(spent),
        "equal": _equal(models["plain"], some, job, settings["scorers"]),
        "survivors": models["cascade"].ranker.keep if "cascade" in models else None,
    }


def nights(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """`glowrank recommend` for many users and for few, with the cascade and without."""
    n_small, n_large = settings["n_users"][0], settings["n_users"][-1]
    made: dict[str, Any] = {}
    for n_users in (n_small, n_large):
        _point(folder, n_users)
        _night(folder, settings, "plain", n_users)  # fits what the others take from the cache
        made[f"all_of_{n_users}"] = _night(folder, settings, "plain", n_users)
    few = _every(folder, n_large, n_large // n_small)
    made[f"{n_small}_of_{n_large}"] = _night(folder, settings, "plain", n_small, f"only={few}")
    share = settings["nights_of_one_in"]
    some, n_some = _every(folder, n_large, share), n_large // share
    for name in settings["experiments"]:
        for scorer in settings["scorers"]:
            words = (f"only={some}", f"scorer={scorer}")
            made[f"{name}_{scorer}"] = _night(folder, settings, name, n_some, *words)
    speed = {name: night["users_a_second"] for name, night in made.items()}
    peak = {name: night["peak_mb"] for name, night in made.items()}
    return {
        "nights": made,
        "memory_ratio": round(peak[f"all_of_{n_large}"] / peak[f"{n_small}_of_{n_large}"], 3),
        "memory_ratio_of_shops": round(peak[f"all_of_{n_large}"] / peak[f"all_of_{n_small}"], 3),
        "cascade_gain": {
            scorer: round(speed[f"cascade_{scorer}"] / speed[f"plain_{scorer}"], 3)
            for scorer in settings["scorers"]
            if "cascade" in settings["experiments"]
        },
    }


def _night(folder: Path, settings: Mapping[str, Any], run: str, n_users: int, *more: str) -> dict[str, Any]:
    """Lists with one of the runs, written anew."""
    words = [f"run={folder / f'run_{run}'}", f"out={folder / 'lists'}", f"n={settings['n']}", "resume=false"]
    words += [f"threads={settings['threads']}", f"memory_gb={settings['memory_gb']}"]
    night = _glowrank("recommend", *words, f"cache_dir={folder / 'cache'}", *more)
    return night | {"users_a_second": round(n_users / night["stages"]["lists"])}


def _every(folder: Path, n_users: int, step: int) -> Path:
    """A file of the names of every so-manieth user of a shop."""
    table = pq.read_table(folder / f"shop_{n_users}" / "users.parquet", columns=["user"])
    path = folder / f"every_{step}.txt"
    path.write_text("\n".join(sorted(table.column("user").to_pylist())[::step]), encoding="utf-8")
    return path


def _models(
    folder: Path, settings: Mapping[str, Any], job: Recommendation
) -> tuple[dict[str, FittedTwoStage], Snapshot, Any]:
    """The models of the runs at the newest moment of the larger shop, that moment, and the shop."""
    models: dict[str, FittedTwoStage] = {}
    snapshot = dataset = None
    for name in settings["experiments"]:
        run = folder / f"run_{name}"
        made: Any = OmegaConf.load(run / "config.yaml")
        cache = Cache(folder / "cache")
        if snapshot is None:
            dataset = load(build(made, "dataset"), cache, made.seed, cleaning_of(made)).dataset
            snapshot = job.asked(build(made, "split").latest(dataset))
        fitter = StageOneFitter(
            build(made, "retrieval"), build(made, "features"), job.engine, cache, Stopwatch(Console())
        )
        model = FittedTwoStage.load(run / "model")
        models[name] = replace(model, stage_one=fitter.fit([snapshot])[0])
        assert isinstance(model.ranker, FittedCascade) == (name == "cascade")
    assert snapshot is not None
    return models, snapshot, dataset


def _blocks(snapshot: Snapshot, block_size: int, n: int) -> list[np.ndarray[Any, Any]]:
    """Blocks of queries, evenly over all of them."""
    starts = np.linspace(0, len(snapshot.queries) - block_size, n).astype(int)
    return [np.arange(start, start + block_size) for start in starts]


def _equal(model: FittedTwoStage, snapshot: Snapshot, job: Recommendation, scorers: Sequence[str]) -> bool:
    """Whether all scorers give the same lists, to the last bit."""
    requests = snapshot.requests(np.arange(min(job.block_size, len(snapshot.queries))))
    candidates = model.stage_one.candidates(requests)
    lists = [replace(model, scorer=SCORERS[name]()).order(requests, candidates, job.n) for name in scorers]
    return all(
        np.array_equal(one.items, lists[0].items) and np.array_equal(one.scores, lists[0].scores)
        for one in lists
    )


def _over(figures: Mapping[str, float]) -> dict[str, float]:
    yardstick = figures["yardstick_search"] + figures["yardstick_predict"]
    ours = {name: value for name, value in figures.items() if not name.startswith("yardstick")}
    return {name: round(value / yardstick, 3) for name, value in ours.items()}


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _point(folder: Path, n_users: int) -> None:
    """Have the path that runs know lead to one of the shops."""
    link, new = folder / "shop", folder / ".shop"
    new.unlink(missing_ok=True)
    new.symlink_to(folder / f"shop_{n_users}", target_is_directory=True)
    new.replace(link)


def _glowrank(*words: str) -> dict[str, Any]:
    """Run a command; its seconds by stage and its peak memory."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "scripts.main", *words]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as told:
        process = subprocess.Popen(command, cwd=ROOT, stdout=told, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)  # the child's own peak, not that of the largest so far
        told.seek(0)
        text = told.read()
    if status:
        raise SystemExit(f"{' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}:\n{text}")
    stages = re.findall(r"^([a-z][a-z ]+?) +([\d.]+) s$", text, re.MULTILINE)
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "stages": {name: float(value) for name, value in stages},
        "peak_mb": round(used.ru_maxrss / 1024),
    }


if __name__ == "__main__":
    main()
