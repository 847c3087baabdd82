"""Candidates with their features and what became of them, in the window before the test."""

from dataclasses import replace
from typing import Any

import numpy as np

from dataset.candidates import Candidates
from dataset.dataset import Dataset
from dataset.feature_matrix import FeatureMatrix
from dataset.snapshot import Snapshot
from dataset.splits.rules import is_among
from dataset.splits.split import Splitter
from evaluation.exploration.feature_correlation import Labelled
from evaluation.exploration.timeline import day_of
from pipeline.exploration.flattery import drawn_queries
from pipeline.exploration.measurement import Measurement
from pipeline.progress import Stopwatch
from retrieval.fusion import FittedRetrieval


def candidate_features(
    dataset: Dataset, splitter: Splitter, measurement: Measurement, watch: Stopwatch, seed: int
) -> tuple[Labelled, dict[str, Any]]:
    """What a ranker would learn from, at the validation snapshot: the test is for judging and is not read.

    Parameters
    ----------
    dataset : Dataset
    splitter : Splitter
    measurement : Measurement
    watch : Stopwatch
        Shows how far it is.
    seed : int
        Of the users that are asked for.

    Returns
    -------
    Labelled
    dict
        `asked_at` and `until`, days between which the purchases lie; `named_by`, names of the recommenders.

    Raises
    ------
    DataContractError
        If the dataset cannot be split.
    """
    split = splitter.split(dataset)
    past = split.validation
    features = replace(measurement.features, exclude={})
    vectors = features.fit_vectors(past)
    sources = measurement.retrieval.sources
    fitted = {name: source.fit(past, vectors) for name, source in sources.items()}
    retrieval = FittedRetrieval(fitted, measurement.retrieval.quotas, measurement.retrieval.budget)
    families = features.fit(past, vectors, tuple(sources))
    rows = drawn_queries(past, measurement.feature_queries, seed)
    blocks = [rows[at : at + measurement.block_size] for at in range(0, len(rows), measurement.block_size)]
    matrices, labels, queries = [], [], []
    for at, block in enumerate(watch.track(blocks, len(blocks), "candidate features")):
        requests = past.requests(block)
        candidates = retrieval.retrieve(requests)
        matrices.append(families.transform(requests, candidates))
        labels.append(_taken(past, candidates, block))
        queries.append(at * measurement.block_size + candidates.query)
    values = np.concatenate([matrix.values for matrix in matrices])
    matrix = FeatureMatrix(values, families.names, families.categorical)
    facts = {"asked_at": day_of(past.cutoff), "until": day_of(split.test.cutoff), "named_by": list(sources)}
    return Labelled(matrix, np.concatenate(labels), np.concatenate(queries).astype(np.int32)), facts


def _taken(
    past: Snapshot, candidates: Candidates, block: "np.typing.NDArray[np.int64]"
) -> "np.typing.NDArray[np.bool_]":
    """Whether each candidate is among what its user went on to get."""
    truth = past.truth.take(block)
    n_items = len(past.items)
    taken = truth.items.rows.astype(np.int64) * n_items + truth.items.values
    return is_among(candidates.query.astype(np.int64) * n_items + candidates.item, taken)
