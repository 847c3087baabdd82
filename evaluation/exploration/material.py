"""What all sections read, worked out once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.dataset import Dataset
from dataset.errors import DataContractError
from dataset.interactions import Interactions
from dataset.ragged import Categorical, distinct
from dataset.words import SEPARATOR
from evaluation.exploration.timeline import Timeline


@dataclass(frozen=True)
class Material:
    """A dataset as the sections look at it: n events, of which some are transactions.

    Parameters
    ----------
    dataset : Dataset
    timeline : Timeline
    is_transaction : bool array of shape (n,)
        Events of the kinds that a recommender is judged by.
    transaction_kinds : tuple of str
        Those of these kinds that occur.
    category : Categorical
        Of each item, the upper levels of its path.
    """

    dataset: Dataset
    timeline: Timeline
    is_transaction: npt.NDArray[np.bool_]
    transaction_kinds: tuple[str, ...]
    category: Categorical

    @classmethod
    def of(cls, dataset: Dataset, target_kinds: Sequence[str], category_depth: int) -> "Material":
        """Look at a dataset.

        Parameters
        ----------
        dataset : Dataset
        target_kinds : sequence of str
            Kinds of events that count as transactions.
        category_depth : int
            Levels of the category path that make a category.

        Raises
        ------
        DataContractError
            If there is no event, or none that counts as a transaction.
        """
        events = dataset.interactions
        found = [kind for kind in target_kinds if events.is_kind((kind,)).any()]
        if not found:
            raise DataContractError(
                f"Exploring needs events of the kinds {', '.join(target_kinds)} (explore.target_kinds). "
                f"Got {len(events):,} events, none of them of these; check the source and the cleaning "
                "report."
            )
        return cls(
            dataset=dataset,
            timeline=Timeline.of(events),
            is_transaction=events.is_kind(tuple(found)),
            transaction_kinds=tuple(found),
            category=upper_levels(dataset.items.category, category_depth),
        )

    @property
    def events(self) -> Interactions:
        """All events."""
        return self.dataset.interactions

    @property
    def is_purchase(self) -> npt.NDArray[np.bool_]:
        """Purchases, or all transactions in a log without any: rating what one has bought is no purchase."""
        return (
            self.events.is_kind(("purchase",))
            if "purchase" in self.transaction_kinds
            else self.is_transaction
        )


def upper_levels(category: Categorical, depth: int) -> Categorical:
    """The first `depth` levels of each path as one label; shorter paths stay whole."""
    tops = [SEPARATOR.join(name.split(SEPARATOR)[:depth]) for name in category.names]
    names = sorted(set(tops))
    code_of = {name: code for code, name in enumerate(names)}
    codes = np.append([code_of[top] for top in tops], -1).astype(np.int32)
    return Categorical(codes[category.codes], tuple(names))


def frequent(labels: Categorical, weight: npt.NDArray[np.integer], at_most: int) -> Categorical:
    """The labels with most weight under their names, all others as one, "(other)".

    Parameters
    ----------
    labels : Categorical
        Of n rows.
    weight : int array of shape (n,)
        How much each row counts.
    at_most : int
        Names kept beside "(other)", by falling weight; ties by name.
    """
    mass = np.bincount(labels.codes + 1, weights=weight, minlength=len(labels.names) + 1)[1:]
    order = np.argsort(-mass, kind="stable")
    kept = [int(code) for code in order[:at_most] if mass[code] > 0]
    names = tuple(labels.names[code] for code in kept)
    has_others = bool((mass > 0).sum() > len(kept))
    place = np.full(len(labels.names) + 1, len(names) if has_others else -1, np.int32)
    place[kept] = np.arange(len(kept))
    place[-1] = -1
    return Categorical(place[labels.codes], (*names, "(other)") if has_others else names)


def cross_counts(
    row: npt.NDArray[np.integer], column: npt.NDArray[np.integer], shape: tuple[int, int]
) -> npt.NDArray[np.int64]:
    """How often each pair of codes occurs, int64 of the shape given; codes of -1 are left out."""
    known = (row >= 0) & (column >= 0)
    if not known.all():
        row, column = row[known], column[known]
    keys = row.astype(np.int64) * shape[1] + column
    return np.bincount(keys, minlength=shape[0] * shape[1]).reshape(shape)


def distinct_pairs(
    row: npt.NDArray[np.integer], column: npt.NDArray[np.integer], n_columns: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Each pair of codes once, as two arrays, ascending by row and column."""
    keys = distinct(row.astype(np.int64) * n_columns + column)
    return keys // n_columns, keys % n_columns


def spread(values: npt.NDArray[np.number]) -> dict[str, float | None]:
    """Mean and quantiles of at least no value; None where there is none."""
    names = ("p10", "p25", "median", "p75", "p90", "p99", "max")
    if not len(values):
        return dict.fromkeys(("mean", *names))
    found = np.quantile(values, [0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0])
    return {"mean": float(values.mean()), **dict(zip(names, map(float, found), strict=True))}
