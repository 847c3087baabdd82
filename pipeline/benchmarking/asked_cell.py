"""A cell, measured in a process of its own: what is there is loaded, asked, and timed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from omegaconf import DictConfig, OmegaConf

from dataset import persistence
from dataset.errors import DataContractError
from dataset.snapshot import Snapshot
from pipeline.artefacts import read_manifest, verify
from pipeline.benchmarking.answering import Alone, Answering, AsExperiment, AsRecommend, Omniscient
from pipeline.benchmarking.asking import asked, n_trees
from pipeline.benchmarking.building import bytes_of, bytes_of_indices, measured_experiment
from pipeline.benchmarking.clock import Clock
from pipeline.benchmarking.measuring import (
    Answered,
    K,
    Rows,
    Work,
    answered,
    drawn,
    figures,
    index_recall,
    seconds_per_user,
    timed_blocks,
)
from pipeline.engines.engine import Engine
from pipeline.experiment import Experiment
from pipeline.two_stage import FittedTwoStage, blocks
from retrieval.fusion import FittedRetrieval

CANDIDATES: Final = 400_000
"""Of a block of users to whom the whole catalogue is ranked, unless one user's is larger."""

CHANCES: Final = 4_000_000
"""Users times items that an oracle is asked for together."""


@dataclass(frozen=True)
class Asking:
    """What a cell is measured by.

    Parameters
    ----------
    experiment : Experiment
        Of the cell's configuration.
    snapshot : Snapshot
    data, model : Path or None
        Folders that `build_data` and `build_model` have filled.
    settings : mapping
        `Benchmark.facts`.
    """

    experiment: Experiment
    snapshot: Snapshot
    data: Path
    model: Path | None
    settings: Mapping[str, Any]

    @property
    def engine(self) -> Engine:
        """What blocks are spread by."""
        return self.experiment.recommender.engine

    def drawn(self, name: str = "queries") -> Rows:
        """Queries that the figures are of, or fewer of them."""
        sizes = [self.settings[other] for other in ("queries", name) if self.settings[other] is not None]
        return drawn(self.snapshot, min(sizes, default=None), self.settings["seed"])


def measure_cell(
    kind: str, config: str, data: Path, model: Path | None, reference: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """What a line says of a cell but for its name, and "values".

    Parameters
    ----------
    kind : str
        As of a line.
    config : str
        A composed configuration as YAML.
    data, model : Path
        Folders that `build_data` and `build_model` have filled; no model for references without a stage two.
    reference : str
        Name of a source.
    settings : mapping
        `Benchmark.facts`.
    """
    composed = OmegaConf.create(config)
    assert isinstance(composed, DictConfig)
    experiment, _ = measured_experiment(composed)
    snapshot = _opened(data, "snapshot")
    asking = Asking(experiment, snapshot, data, model, settings)
    if kind == "two_stage":
        facts = _two_stage(asking)
    elif kind == "exhaustive":
        facts = _exhaustive(asking)
    elif kind == "source":
        facts = _source(asking, reference)
    else:
        facts = _oracle(asking)
    return facts | {"threads": asking.engine.budget, "peak_memory_bytes": peak_memory_bytes()}


def peak_memory_bytes() -> int | None:
    """Largest resident memory of this process's own so far; None where the system does not tell.

    What `getrusage` says begins with the memory of the process that started this one.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), None)


def _two_stage(asking: Asking) -> dict[str, Any]:
    fitted, is_as_trained = asked(_model(asking), asking.experiment.recommender)
    snapshot, settings, size = asking.snapshot, asking.settings, asking.experiment.recommender.block_size
    few = asking.drawn()
    parts = timed_blocks(few, size, settings["timed_users"], settings["timed_blocks"], asking.engine.budget)
    served = answered(asking.engine, Work(AsRecommend.of(fitted, snapshot, K), snapshot), parts)
    everybody = settings["queries"] is None
    # Blocks of an experiment: a product of matrices may differ in its last bits with their shape.
    rows = np.arange(len(snapshot.queries)) if everybody else few
    parts = [rows[at] for at in asking.experiment.recommender.blocks(len(rows))]
    found = answered(asking.engine, Work(AsExperiment(fitted, Clock()), snapshot), parts)
    compared = few[:: max(1, -(-len(few) // settings["compared_users"]))]
    return {
        **figures(found, snapshot, asking.experiment.evaluation),
        "exact": everybody and is_as_trained,
        "n_trees": n_trees(fitted.ranker),
        "seconds_per_user": seconds_per_user(served, asking.engine.budget),
        "index_recall": index_recall(fitted.stage_one.retrieval, snapshot, compared),
    }


def _exhaustive(asking: Asking) -> dict[str, Any]:
    fitted, _ = asked(_model(asking), asking.experiment.recommender)
    size = max(1, CANDIDATES // max(1, int(asking.snapshot.available.sum())))
    answering = AsRecommend.of(fitted, asking.snapshot, K, exhaustively=True)
    rows = asking.drawn("exhaustive_queries")
    found = _all_at_once(asking, answering, rows, size)
    return {**_reported(asking, found), "exact": False, "n_trees": n_trees(answering.model.ranker)}


def _source(asking: Asking, name: str) -> dict[str, Any]:
    folder = asking.data / "references" / name
    source = _opened(asking.data, f"references/{name}")
    rows, size = asking.drawn(), asking.experiment.recommender.block_size
    found = _all_at_once(asking, Alone(source, Clock()), rows, size)
    alone = FittedRetrieval({name: source}, (K,), K)
    compared = rows[:: max(1, -(-len(rows) // asking.settings["compared_users"]))]
    return {
        **_reported(asking, found),
        "exact": False,
        "n_candidates": None,
        "pool_recall": None,
        "index_recall": index_recall(alone, asking.snapshot, compared),
        "index_bytes": bytes_of_indices(folder),
        "model_bytes": bytes_of(folder),
    }


def _oracle(asking: Asking) -> dict[str, Any]:
    size = max(1, CHANCES // max(1, len(asking.snapshot.items)))
    rows = asking.drawn()
    found = _all_at_once(asking, Omniscient(_opened(asking.data, "oracle"), Clock()), rows, size)
    return {**_reported(asking, found), "exact": False, "n_candidates": None, "pool_recall": None}


def _all_at_once(asking: Asking, answering: Answering, rows: Rows, size: int) -> Answered:
    """Figures and seconds of the same blocks, after others that warm up."""
    n_blocks = max(asking.settings["timed_blocks"], asking.engine.budget)
    size = max(1, min(size, len(rows) // n_blocks))
    work, threads = Work(answering, asking.snapshot), asking.engine.budget
    warm = answered(asking.engine, work, [rows[:size]] * threads)
    found = answered(asking.engine, work, [rows[at] for at in blocks(len(rows), size)])
    return Answered(found.row, found.lists, found.n_candidates, found.n_found, warm.seconds + found.seconds)


def _reported(asking: Asking, found: Answered) -> dict[str, Any]:
    told = figures(found, asking.snapshot, asking.experiment.evaluation)
    return {**told, "seconds_per_user": seconds_per_user(found, asking.engine.budget)}


def _model(asking: Asking) -> FittedTwoStage:
    assert asking.model is not None
    verify(asking.model, read_manifest(asking.model)["files"])
    return FittedTwoStage.load(asking.model / "model")


def _opened(folder: Path, part: str) -> Any:
    files = read_manifest(folder)["files"]
    wanted = {name: facts for name, facts in files.items() if name.startswith(f"{part}/")}
    if not wanted:
        raise DataContractError(f"{folder} must hold {part}. Got none.")
    verify(folder, wanted)
    return persistence.load(folder / part)
