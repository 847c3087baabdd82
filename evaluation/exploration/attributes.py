"""Whether who a user is says what the user gets: attributes of users against categories of items."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataset.ragged import Categorical
from dataset.snapshot import users_as_of
from dataset.splits.random import uniform
from evaluation.exploration.association import association
from evaluation.exploration.material import Material, cross_counts, frequent
from evaluation.exploration.multiplicity import benjamini_hochberg

CATEGORIES: Final = 15
LABELS: Final = 15
BANDS: Final = 5  # of a numeric attribute, with equally many users
CELLS: Final = 12  # that are listed of each attribute
LIMIT: Final = 0.05


def attributes(material: Material, *, n_draws: int = 999, seed: int = 0) -> dict[str, Any] | None:
    """Association of each attribute of users with the category of what they get; None without attributes.

    Each user counts once, with the category of one transaction that a hash draws: transactions of one user
    are no independent witnesses. Numbers are cut into five bands with equally many users; the newest
    statement of a user counts.

    Parameters
    ----------
    material : Material
    n_draws : int
        See `association`.
    seed : int
        Of the drawn transaction of each user, and of the tests.

    Returns
    -------
    mapping
        `tested`: attribute to `v`, `low`, `high`, `p` (see `Association`), `p_adjusted` (Benjamini-Hochberg
        over the attributes), `n` (users who have both), `labels` and `categories`, how many; the strongest
        first. `cells`: of each attribute whose adjusted p is below .05 the 12 cells that differ most
        surely: `label`, `category`, `n`, `ratio` (how many times as frequent the category is with these
        users as with all) with its 95 % interval, which is not adjusted.
    """
    users, category = _drawn(material, seed)
    labels = _labels(material)
    tables = {name: _table(own, users, category) for name, own in labels.items()}
    found = {
        name: (counts, kept, association(counts, n_draws=n_draws, seed=seed))
        for name, (counts, kept) in tables.items()
    }
    tested = {name: entry for name, entry in found.items() if entry[2] is not None}
    if not tested:
        return None
    p = np.array([entry[2].p for entry in tested.values() if entry[2] is not None])
    adjusted = dict(zip(tested, benjamini_hochberg(p).tolist(), strict=True))
    figures = {
        name: {
            **vars(of),
            "p_adjusted": adjusted[name],
            "n": int(counts.sum()),
            "labels": int((counts.sum(axis=1) > 0).sum()),
            "categories": int((counts.sum(axis=0) > 0).sum()),
        }
        for name, (counts, _, of) in tested.items()
    }
    order = sorted(figures, key=lambda name: (-figures[name]["v"], name))
    cells = {
        name: _cells(tested[name][0], tested[name][1], category.names)
        for name in order
        if adjusted[name] < LIMIT
    }
    ordered = {name: figures[name] for name in order}
    return {"tested": ordered, "cells": cells, "reading": _reading(ordered)}


def _drawn(material: Material, seed: int) -> tuple[npt.NDArray[np.int32], Categorical]:
    """Users with a transaction in a known category, ascending, and the category of a drawn one of each."""
    events, dataset = material.events, material.dataset
    rows = np.flatnonzero(material.is_transaction & (material.category.codes >= 0)[events.item])
    chosen = events.take(rows)
    order = np.lexsort((uniform(chosen, seed, 0), chosen.user))
    first = np.ones(len(order), bool)
    first[1:] = chosen.user[order[1:]] != chosen.user[order[:-1]]
    at = order[first]
    counts = np.bincount(chosen.item[at], minlength=len(dataset.items))
    kept = frequent(material.category, counts, CATEGORIES)
    return chosen.user[at], Categorical(kept.codes[chosen.item[at]], kept.names)


def _labels(material: Material) -> dict[str, Categorical]:
    """Every attribute of users as labels."""
    users = users_as_of(material.dataset.users, material.events)
    labels = {name: _bands(values) for name, values in users.numeric.items()}
    return labels | dict(users.categorical)


def _bands(values: npt.NDArray[np.float32]) -> Categorical:
    """A number as a label: its band between quantiles, or itself where there are few values."""
    known = values[~np.isnan(values)]
    distinct = np.unique(known)
    if len(distinct) <= BANDS:
        codes = np.where(np.isnan(values), -1, np.searchsorted(distinct, values)).astype(np.int32)
        return Categorical(codes, tuple(f"{value:g}" for value in distinct))
    limits = np.unique(np.quantile(known, np.arange(1, BANDS) / BANDS))
    codes = np.where(np.isnan(values), -1, np.searchsorted(limits, values, side="right")).astype(np.int32)
    ends = [f"{limit:g}" for limit in limits]
    between = [f"{low} to {high}" for low, high in pairwise(ends)]
    return Categorical(codes, (f"below {ends[0]}", *between, f"{ends[-1]} and up"))


def _table(
    labels: Categorical, users: npt.NDArray[np.int32], category: Categorical
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    own = Categorical(labels.codes[users], labels.names)
    kept = frequent(own, np.ones(len(users), np.int64), LABELS)
    return cross_counts(kept.codes, category.codes, (len(kept.names), len(category.names))), kept.names


def _cells(
    counts: npt.NDArray[np.int64], labels: Sequence[str], categories: Sequence[str]
) -> list[dict[str, Any]]:
    """Cells whose share differs from that of all users, the surest first."""
    n = counts.sum()
    of_label, of_category = counts.sum(axis=1), counts.sum(axis=0)
    cells = []
    for label, category in zip(*np.nonzero(counts >= 5), strict=True):
        both, a, b = int(counts[label, category]), int(of_label[label]), int(of_category[category])
        ratio = both * n / (a * b)
        error = float(np.sqrt(max(1 / both - 1 / a - 1 / b + (2 * ratio - 1) / n, 1e-12)))
        low, high = (float(ratio * np.exp(sign * 1.959964 * error)) for sign in (-1, 1))
        cell = {"label": labels[label], "category": categories[category], "n": both, "ratio": float(ratio)}
        cells.append((abs(float(np.log(ratio))) / error, {**cell, "low": low, "high": high}))
    cells.sort(key=lambda cell: (-cell[0], cell[1]["label"], cell[1]["category"]))
    return [cell for _, cell in cells[:CELLS]]


def _reading(tested: Mapping[str, Mapping[str, Any]]) -> str:
    sure = [name for name, figures in tested.items() if figures["p_adjusted"] < LIMIT]
    if not sure:
        return (
            f"None of {len(tested)} attributes is associated with the category of what users get by more "
            "than chance: do not expect much of them for users without history."
        )
    first = tested[sure[0]]
    return (
        f"{len(sure)} of {len(tested)} attributes say something of the category that a user gets; most does "
        f"{sure[0]}, with V {first['v']:.3f} [{first['low']:.3f}, {first['high']:.3f}]. "
        + ("By custom, below .1 is weak: the model will gain little from it." if first["v"] < 0.1 else "")
    ).strip()
