"""What cells answer from: the judged snapshot of a data set, and the model of a build, each a folder."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf

from dataset import persistence
from dataset.errors import ConfigurationError, GlowrankError
from dataset.splits.split import Split
from dataset.vectors import Vectors
from pipeline.applications import experiment_of
from pipeline.artefacts import write_folder, write_json
from pipeline.benchmarking.asking import n_trees
from pipeline.benchmarking.spent import MeasuringCache
from pipeline.cache import Maybe
from pipeline.configuration import build
from pipeline.engines.serial import Serial
from pipeline.engines.threads import Threads
from pipeline.experiment import Experiment
from pipeline.fingerprint import fingerprint, fingerprint_of_code, fingerprint_of_past
from pipeline.preparation import load
from pipeline.progress import Stopwatch
from retrieval.source import Source

FACTS: Final = "facts.json"


def build_data(config: str, references: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Prepare and cut a data set; keep what is judged, what generated it, and the references fitted to it.

    Parameters
    ----------
    config : str
        A composed configuration as YAML.
    references : mapping of str to mapping
        Sources as configured, with their `_target_`.
    folder : Path

    Returns
    -------
    dict
        Facts, as they are in the folder: `data`, `n_items`, `n_users`, `n_events`, `has_oracle`, and of each
        reference `seconds_of_fit` or the `reason` why it could not be fitted.
    """
    composed = OmegaConf.create(config)
    assert isinstance(composed, DictConfig)
    experiment, cache = measured_experiment(composed)
    dataset, split = _split(experiment)
    test = split.test
    nodes = OmegaConf.create({"references": dict(references), "seed": experiment.seed})
    assert isinstance(nodes, DictConfig)
    facts = {
        "data": dataset.digest,
        "n_items": int(test.available.sum()),
        "n_users": len(dataset.users),
        "n_events": len(test.request_history),
        "has_oracle": dataset.oracle is not None,
        "references": {},
    }

    def write(place: Path) -> None:
        persistence.save(test, place / "snapshot")
        if dataset.oracle is not None:
            persistence.save(dataset.oracle, place / "oracle")
        for name in references:
            try:
                source: Source = build(nodes, f"references.{name}")
                fitted, seconds = _reference(experiment, cache, split, source)
            except GlowrankError as error:
                facts["references"][name] = {"reason": str(error)}
                continue
            persistence.save(fitted, place / "references" / name)
            facts["references"][name] = {"seconds_of_fit": seconds}
        write_json(place / FACTS, facts)

    write_folder(folder, write)
    return facts


def build_model(config: str, folder: Path) -> dict[str, Any]:
    """Fit a recommender and keep it.

    Returns
    -------
    dict
        Facts, as they are in the folder: `seconds_of_fit`, `index_bytes`, `model_bytes`, `n_trees`,
        `n_features`.
    """
    composed = OmegaConf.create(config)
    assert isinstance(composed, DictConfig)
    experiment, cache = measured_experiment(composed)
    _, split = _split(experiment)
    watch = experiment.recommender.stopwatch
    fitted = experiment.recommender.fit(split)
    seconds = {
        "embeddings": cache.spent.get("vectors", 0.0),
        "sources": cache.spent.get("sources", 0.0),
        "features": watch.seconds.get("feature_statistics", 0.0),
        "tables": cache.spent.get("tables", 0.0) + watch.seconds.get("profile", 0.0),
        "training": watch.seconds.get("training", 0.0) + watch.seconds.get("ladder", 0.0),
    }
    facts: dict[str, Any] = {
        "seconds_of_fit": {**seconds, "total": sum(seconds.values())},
        "n_trees": n_trees(fitted.ranker),
        "n_features": len(fitted.ranker.features),
    }

    def write(place: Path) -> None:
        fitted.save(place / "model")
        facts["index_bytes"] = bytes_of_indices(place / "model")
        facts["model_bytes"] = bytes_of(place / "model")
        write_json(place / FACTS, facts)

    write_folder(folder, write)
    return facts


def measured_experiment(config: DictConfig) -> tuple[Experiment, MeasuringCache]:
    """The experiment of a configuration, quiet, its cache one that knows what its values took.

    Raises
    ------
    ConfigurationError
        If its work would be spread over other processes, whose memory and seconds nobody here sees.
    """
    experiment = experiment_of(config)
    recommender = experiment.recommender
    if not isinstance(recommender.engine, Threads | Serial):
        raise ConfigurationError(
            "A benchmark measures one process: it must run on engine=threads or engine=serial. Got "
            f"{type(recommender.engine).__name__}."
        )
    cache = MeasuringCache(recommender.cache.folder)
    recommender = replace(recommender, cache=cache, stopwatch=Stopwatch())
    return replace(experiment, recommender=recommender), cache


def bytes_of(folder: Path) -> int:
    """Size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def bytes_of_indices(folder: Path) -> int | None:
    """Size of the vector indices among the saved values below a folder, their vectors included."""
    found = [
        bytes_of(path.parent)
        for path in folder.rglob("value.json")
        if json.loads(path.read_text(encoding="utf-8"))["class"] == "retrieval.index:VectorIndex"
    ]
    return sum(found) if found else None


def _split(experiment: Experiment) -> tuple[Any, Split]:
    recommender = experiment.recommender
    dataset = load(experiment.source, recommender.cache, experiment.seed, experiment.cleaning).dataset
    return dataset, experiment.splitter.split(dataset)


def _reference(
    experiment: Experiment, cache: MeasuringCache, split: Split, source: Source
) -> tuple[Any, dict[str, float]]:
    """A source fitted to the judged snapshot, and what that took."""
    embeddings, snapshot = experiment.recommender.features.vectors, split.test
    wanted = getattr(source, "vectors", ())
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    code, past = fingerprint_of_code("dataset", "features"), fingerprint_of_past(snapshot)
    cache.spent.clear()
    vectors: dict[str, Vectors] = {}
    for name in names:
        if name in embeddings:
            embedding = embeddings[name]
            key = fingerprint(code, past, embedding)
            fitted = cache.remember("vectors", key, lambda e=embedding: Maybe(e.fit(snapshot)))  # type: ignore[misc]
            vectors |= {} if fitted.value is None else {name: fitted.value}
    watch = Stopwatch()
    with watch.stage("sources"):
        found = source.fit(snapshot, vectors)
    seconds = {"embeddings": cache.spent.get("vectors", 0.0), "sources": watch.seconds["sources"]}
    return found, {**seconds, "total": sum(seconds.values())}
