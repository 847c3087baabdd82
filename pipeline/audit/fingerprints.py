"""Fingerprints of all that is made of a snapshot, by the name of the part."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from dataset import persistence
from dataset.persistence import Saved
from dataset.snapshot import Snapshot
from pipeline.fingerprint import fingerprint
from pipeline.stage_one import StageOne


def of_snapshot(snapshot: Snapshot) -> dict[str, str]:
    """Of what a snapshot hands to whatever is fitted: of the products, those that it knows."""
    items, known = snapshot.items, snapshot.known_items
    words = (items.ingredients.lists, items.functions.lists)
    return {
        "cut-off": fingerprint(snapshot.cutoff),
        "history": fingerprint(snapshot.history),
        "request history": fingerprint(snapshot.request_history),
        "users": fingerprint(snapshot.users),
        "catalogue": fingerprint(snapshot.catalogue),
        "products": fingerprint(
            *(column[known] for column in (items.brand.codes, items.category.codes)),
            *(column[known] for column in (items.price, items.in_stock, items.launched)),
            *(lists.take(known) for lists in words),
        ),
    }


def of_fitted(stage_one: StageOne) -> dict[str, str]:
    """Of every embedding, every source (its neighbour lists) and every family of features, as saved."""
    groups: Mapping[str, Mapping[str, Any]] = {
        "embedding": stage_one.vectors,
        "source": stage_one.retrieval.sources,
        "family": stage_one.features.families,
    }
    return {
        f"{group} '{name}'": saved(value) for group, parts in groups.items() for name, value in parts.items()
    }


def of_answers(
    stage_one: StageOne, snapshot: Snapshot, blocks: Iterable[npt.NDArray[np.int64]]
) -> dict[str, str]:
    """Of what stage one makes of some of the queries, block by block; features by column."""
    found: dict[str, list[str]] = {}
    for rows in blocks:
        requests = snapshot.requests(rows)
        candidates = stage_one.candidates(requests)
        matrix = stage_one.matrix(requests, candidates)
        eligibility = requests.eligibility
        parts = {
            "request histories": fingerprint(requests.history),
            "eligibility": fingerprint(eligibility.available, eligibility.owned),
            "candidates": fingerprint(candidates),
            **{
                f"feature '{name}'": fingerprint(matrix.values[:, at]) for at, name in enumerate(matrix.names)
            },
        }
        for name, value in parts.items():
            found.setdefault(name, []).append(value)
    return {name: fingerprint(values) for name, values in found.items()}


def saved(value: Any) -> str:
    """sha256, in hex, of the files that a fitted value is saved as: every array of it, and nothing else."""
    digest = hashlib.sha256()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "value"
        value.save(folder) if isinstance(value, Saved) else persistence.save(value, folder)
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(folder).as_posix()}\x1f".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
