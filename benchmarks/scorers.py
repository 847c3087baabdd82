"""Microseconds a row of each way to add up the trees, on the features of real candidates.

    python -m benchmarks.scorers [--work FOLDER] [OVERRIDE ...]

Candidates are those of an experiment, by default Sephora's; trees are trained on its tables, 300 of 15, 31
and 63 leaves. Every way scores the same rows in turn, on one thread and in blocks on two. Of the repetitions
the least time counts, of the clock and of the processors, so that ratios hold on a machine that others use
too. All scores are compared with LightGBM's. Results go to `results/scorers.json`; with --work, candidates
and trees are kept for next time.

Beside our scorers it measures what is importable of onnxruntime (with onnx) and tl2cgen (with treelite, and a
C compiler), which the product does not use.
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from hydra import compose, initialize_config_module
from rich.console import Console
from rich.table import Table

from benchmarks.run import CASES
from pipeline.applications import experiment_of
from pipeline.preparation import load
from ranking.lambdamart import LambdaMart
from ranking.ranker import FittedRanker, TrainingTables, Watch, nobody
from ranking.retrieval_order import RetrievalOrder
from ranking.scorers import BitVectors, Native, OneDal
from ranking.scorers.forest import Forest
from ranking.scorers.scorer import Trees
from ranking.table import RankingTable

RESULTS: Final = Path(__file__).resolve().parent / "results" / "scorers.json"
LEAVES: Final = (15, 31, 63)
N_TREES: Final = 300
N_USERS: Final = 1500
N_ROWS: Final = 8192
ROWS_OF_A_BLOCK: Final = 2048
THREADS: Final = (1, 2)
LIBRARIES: Final = (
    "lightgbm",
    "scikit-learn-intelex",
    "numba",
    "onnxruntime",
    "treelite",
    "tl2cgen",
    "numpy",
)

Rows = npt.NDArray[np.float32]
Way = Callable[[Rows], npt.NDArray[Any]]


def main() -> None:
    """Build what is absent, measure, keep the figures and show them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("overrides", nargs="*", default=list(CASES["sephora"]), help="of an experiment")
    parser.add_argument("--work", type=Path, help="folder where candidates and trees are kept")
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = asked.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        if not (work / "rows.npy").exists():
            build(work, asked.overrides)
        rows = np.load(work / "rows.npy")[:N_ROWS]
        lines = [
            line
            for leaves in LEAVES
            for line in measure(leaves, (work / f"{leaves}.txt").read_text(), rows, asked.repetitions)
        ]
    facts = {
        "processor": platform.processor() or platform.machine(),
        "overrides": [override for override in asked.overrides if "/" not in override],
        "rows": len(rows),
        "features": rows.shape[1],
        "trees": N_TREES,
        "repetitions": asked.repetitions,
        "versions": dict(versions()),
    }
    asked.out.write_text(json.dumps({"facts": facts, "results": lines}, indent=2) + "\n", encoding="utf-8")
    console = Console()
    console.print(table(lines))
    console.print(f"Written to {asked.out}")


def build(work: Path, overrides: list[str]) -> None:
    """Candidates of users with history, and trees trained on the tables of the past snapshots."""

    class Trained:
        """Stands where a ranker would, to be handed the tables."""

        sampling = LambdaMart().sampling

        def fit(self, tables: TrainingTables, threads: int, watch: Watch = nobody) -> FittedRanker:
            train(work, RankingTable.concatenate(tables()[0]), threads)
            return RetrievalOrder()

    with initialize_config_module("conf", version_base="1.3"):
        experiment = experiment_of(compose("experiment", [*overrides, f"cache_dir={work / 'cache'}"]))
    recommender = experiment.recommender
    prepared = load(experiment.source, recommender.cache, experiment.seed, experiment.cleaning)
    split = experiment.splitter.split(prepared.dataset)
    fitted = replace(recommender, ranking=Trained()).fit(split)
    requests = split.test.requests(np.flatnonzero(split.test.is_warm)[:N_USERS])
    candidates = fitted.stage_one.candidates(requests)
    matrix = fitted.stage_one.matrix(requests, candidates)
    np.save(work / "rows.npy", matrix.values[:N_ROWS])


def train(work: Path, past: RankingTable, threads: int) -> None:
    """Text models of each size; validation has no positive, so that every tree is grown."""
    none = RankingTable(
        np.zeros(1, np.int64), past.features.take(np.zeros(0, np.int64)), np.zeros(0, np.int8)
    )
    for leaves in LEAVES:
        ranker = LambdaMart(num_leaves=leaves, num_trees=N_TREES, min_rows_a_leaf=14, learning_rate=0.05)
        model = ranker.fit(lambda: ([past], none), threads).model
        (work / f"{leaves}.txt").write_text(model)


def measure(leaves: int, model: str, rows: Rows, repetitions: int) -> Iterator[dict[str, Any]]:
    """A line for each way and number of threads."""
    ways = dict(ways_of(model, rows))
    expected = ways["lightgbm"](rows)
    best = dict.fromkeys([(name, threads) for name in ways for threads in THREADS], (np.inf, np.inf))
    equal = {name: float((way(rows).astype(np.float32) == expected).mean()) for name, way in ways.items()}
    for _ in range(repetitions):
        for name, threads in best:
            clock, processors = seconds(ways[name], rows, threads)
            fastest, leanest = best[name, threads]
            best[name, threads] = min(clock, fastest), min(processors, leanest)
    for (name, threads), (clock, processors) in best.items():
        native_clock, native_processors = best["lightgbm", threads]
        yield {
            "leaves": leaves,
            "threads": threads,
            "scorer": name,
            "microseconds_a_row": clock / len(rows) * 1e6,
            "processor_microseconds_a_row": processors / len(rows) * 1e6,
            "times_lightgbm": native_clock / clock,
            "times_lightgbm_by_processor": native_processors / processors,
            "share_of_equal_scores": equal[name],
        }


def seconds(way: Way, rows: Rows, threads: int) -> tuple[float, float]:
    """Time of the clock, and of all processors, to score all rows, block by block, on so many threads."""
    blocks = [rows[at : at + ROWS_OF_A_BLOCK] for at in range(0, len(rows), ROWS_OF_A_BLOCK)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(len, blocks))  # the threads are there before the clock starts
        start = time.perf_counter(), time.process_time()
        list(pool.map(way, blocks))
        return time.perf_counter() - start[0], time.process_time() - start[1]


def ways_of(model: str, rows: Rows) -> Iterator[tuple[str, Way]]:
    """Each way by name; those that cannot be had are left out."""
    trees = Trees(model, rows[:256])
    for scorer in (Native(), OneDal(), BitVectors()):
        fitted = scorer.of(trees)
        yield fitted.name, fitted.score
    forest = Forest.of(model)
    for name, make in (("onnxruntime", onnx_way), ("tl2cgen", compiled_way)):
        try:
            yield name, make(forest, model)
        except ImportError as error:
            Console(stderr=True).print(f"{name} is left out: {error}", highlight=False)


def onnx_nodes(forest: Forest) -> dict[str, list[Any]]:
    """The attributes of a TreeEnsembleRegressor that describe its trees, splits first and leaves after."""
    names = ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids")
    made: dict[str, list[Any]] = {f"nodes_{name}": [] for name in names}
    made |= {f"target_{name}": [] for name in ("treeids", "nodeids", "ids", "weights")}
    for tree in range(forest.n_trees):
        first, last = forest.split_offsets[tree : tree + 2]
        n = int(last - first)
        for at in range(2 * n + 1):
            at_split = first + at if at < n else None
            made["nodes_treeids"].append(tree)
            made["nodes_nodeids"].append(at)
            made["nodes_modes"].append("LEAF" if at_split is None else "BRANCH_LEQ")
            made["nodes_featureids"].append(0 if at_split is None else int(forest.column[at_split]))
            made["nodes_values"].append(0.0 if at_split is None else float(forest.threshold[at_split]))
            for side, child in (("true", forest.left), ("false", forest.right)):
                to = 0 if at_split is None else int(child[at_split])
                made[f"nodes_{side}nodeids"].append(to if to >= 0 else n - 1 - to)
        for leaf in range(n + 1):
            made["target_treeids"].append(tree)
            made["target_nodeids"].append(n + leaf)
            made["target_ids"].append(0)
            made["target_weights"].append(float(forest.leaf[forest.leaf_offsets[tree] + leaf]))
    return made


def onnx_way(forest: Forest, model: str) -> Way:
    """A TreeEnsembleRegressor on one thread, its thresholds rounded as ours are."""
    onnx, runtime = import_module("onnx"), import_module("onnxruntime")
    node = onnx.helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1, **onnx_nodes(forest)
    )
    kind = onnx.TensorProto.FLOAT
    given = [onnx.helper.make_tensor_value_info("x", kind, [None, len(forest.columns)])]
    graph = onnx.helper.make_graph(
        [node], "trees", given, [onnx.helper.make_tensor_value_info("y", kind, [None, 1])]
    )
    versions = [onnx.helper.make_opsetid("ai.onnx.ml", 1), onnx.helper.make_opsetid("", 15)]
    built = onnx.helper.make_model(graph, opset_imports=versions, ir_version=8)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(built.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda rows: np.asarray(session.run(None, {"x": forest.columns.of(rows)})[0]).ravel()


def compiled_way(forest: Forest, model: str) -> Way:
    """C code of the trees, compiled; the compiler would have to be there where the lists are made."""
    treelite, tl2cgen = import_module("treelite"), import_module("tl2cgen")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(model)
        file.flush()
        loaded = treelite.frontend.load_lightgbm_model(file.name)
    folder = Path(tempfile.mkdtemp())
    options = {"parallel_comp": 8}
    tl2cgen.export_lib(loaded, toolchain="gcc", libpath=folder / "trees.so", params=options, verbose=False)
    predictor = tl2cgen.Predictor(folder / "trees.so", nthread=1)
    dtype = "float64"  # LightGBM's thresholds are
    return lambda rows: predictor.predict(tl2cgen.DMatrix(rows.astype(dtype)), pred_margin=True).ravel()


def versions() -> Iterator[tuple[str, str]]:
    """Libraries that are there."""
    for name in LIBRARIES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def table(lines: list[dict[str, Any]]) -> Table:
    """Microseconds of the processors a row, and how many times as fast as LightGBM."""
    shown = Table(title=f"{N_TREES} trees: processor microseconds a row (times LightGBM's speed)")
    shown.add_column("scorer")
    for leaves in LEAVES:
        for threads in THREADS:
            shown.add_column(f"{leaves} leaves, {threads} thr.", justify="right")
    for name in dict.fromkeys(line["scorer"] for line in lines):
        own = [line for line in lines if line["scorer"] == name]
        cells = [
            f"{line['processor_microseconds_a_row']:.2f} ({line['times_lightgbm_by_processor']:.1f})"
            for line in own
        ]
        shown.add_row(name, *cells)
    return shown


if __name__ == "__main__":
    main()
