"""How well the item fits what the user took before: brand, category, price, ingredients, functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from dataset.candidates import Candidates
from dataset.parameters import check_int, check_number
from dataset.persistence import Saved
from dataset.snapshot import Histories, Requests, Snapshot
from dataset.vectors import Vectors
from dataset.words import (
    by_rarity,
    category_levels,
    label_weights,
    repeat_weights,
    single_words,
    unit_length,
)
from features.affinity_kernels import label_shares, word_overlap
from features.categories import top_levels
from features.lookup import Lookup, gather_codes
from features.product import log_prices

_LABELS: Final = ("brand", "category", "top_category")
_LABEL_PARTS: Final = ("share", "newest", "count")
_WORDS: Final = ("ingredients", "functions", "attributes")
_WORD_PARTS: Final = ("overlap", "overlap_max", "overlap_newest")


@dataclass(frozen=True)
class FittedAffinity(Saved):
    """Attributes of each known item.

    Parameters
    ----------
    items : Lookup
    labels : mapping of str to int32 array of shape (len(items),)
        Codes of brand, category and top category; -1 where missing.
    log_price : float32 array of shape (len(items),)
        NaN where unknown.
    price_variance : float
        Of the log prices of the catalogue; 0 where none is known.
    words : mapping of str to csr_matrix of float32, shape (len(items), number of words)
        Rows of unit length.
    step_decay : float
    max_history : int
    """

    items: Lookup
    labels: Mapping[str, npt.NDArray[np.int32]]
    log_price: npt.NDArray[np.float32]
    price_variance: float
    words: Mapping[str, sp.csr_matrix]
    step_decay: float
    max_history: int

    @property
    def names(self) -> tuple[str, ...]:
        """Shares by label, price, word overlap."""
        shares = (f"{label}_{part}" for label in _LABELS for part in _LABEL_PARTS)
        overlaps = (f"{word}_{part}" for word in _WORDS for part in _WORD_PARTS)
        return (*shares, "price_distance", "price_z", *overlaps)

    @property
    def categorical(self) -> tuple[str, ...]:
        """None of the columns."""
        return ()

    def transform(self, requests: Requests, candidates: Candidates) -> npt.NDArray[np.float32]:
        """Fit of each candidate to its query's history; NaN where either side is unknown or empty."""
        history, row = requests.history, self.items.rows(candidates.item)
        event = np.where(history.weight > 0, self.items.rows(history.item), np.int32(-1))
        weight = decayed_weight(history, self.step_decay)
        out = np.empty((len(candidates), len(self.names)), np.float32)
        start = 0
        for label in _LABELS:
            codes = self.labels[label]
            label_shares(
                history.offsets, gather_codes(codes, event), weight, history.step,
                candidates.offsets, gather_codes(codes, row), int(codes.max(initial=-1)) + 1,
                out[:, start : start + len(_LABEL_PARTS)],
            )  # fmt: skip
            start += len(_LABEL_PARTS)
        self._fill_price(history, event, weight, candidates, row, out[:, start : start + 2])
        start += 2
        for name in _WORDS:
            words = self.words[name]
            word_overlap(
                history.offsets, (event, weight, history.step), self.max_history, candidates.offsets, row,
                (words.indptr, words.indices, words.data), words.shape[1],
                out[:, start : start + len(_WORD_PARTS)],
            )  # fmt: skip
            start += len(_WORD_PARTS)
        return out

    def _fill_price(
        self,
        history: Histories,
        event: npt.NDArray[np.int32],
        weight: npt.NDArray[np.float32],
        candidates: Candidates,
        row: npt.NDArray[np.int32],
        out: npt.NDArray[np.float32],
    ) -> None:
        """Distance of log prices from the mean of the history, plain and over its deviation.

        The variance of a history counts together with one event of the catalogue's variance, so that
        histories of one price do not divide by nothing.
        """
        price = np.append(self.log_price, np.float32(np.nan))  # row -1 is the last
        paid = price[event].astype(np.float64)
        priced = np.flatnonzero(~np.isnan(paid) & (weight > 0))
        query, paid, weights = history.query[priced], paid[priced], weight[priced].astype(np.float64)
        m = len(history)
        total = np.bincount(query, weights=weights, minlength=m)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.bincount(query, weights=weights * paid, minlength=m) / total
            square = np.bincount(query, weights=weights * (paid - mean[query]) ** 2, minlength=m)
            scale = 1 / np.sqrt(np.maximum((square + self.price_variance) / (total + 1), 1e-6))
        lengths = np.diff(candidates.offsets)
        distance = price[row] - np.repeat(mean.astype(np.float32), lengths)
        out[:, 0] = np.abs(distance)
        out[:, 1] = distance * np.repeat(scale.astype(np.float32), lengths)


@dataclass(frozen=True, kw_only=True)
class Affinity:
    """Fit of the candidate to the (weighted) history.

    Columns: for brand, category and top category `_share`, the part of the history's weight with the
    candidate's label, `_newest`, the same within the newest moment, and `_count`, log1p of the number of
    events with that label: how much evidence the share has; `price_distance` and `price_z`, log price against
    the history's mean; for words of `ingredients`, `functions` and `attributes` (functions, brand and every
    level of the category path in one bag) `_overlap`, the weighted mean over the history of the cosine of
    TF-IDF words, `_overlap_max`, the greatest over the newest `max_history` events, and `_overlap_newest`,
    the greatest within the newest moment.

    Parameters
    ----------
    step_decay : float
        Factor for each later event of the user, within (0, 1]. Changes results.
    top_depth : int
        Levels of the category path that make the top category. Changes results.
    position_decay : float
        Weight of the ingredient at place p of the label is p ** -position_decay. Changes results.
    rarity_power : float
        Power of the inverse document frequency by which words are weighted: 0 counts all alike, 2 lets rare
        ones decide, which suits tags of brands and categories. Changes results.
    max_history : int
        Number of latest events that `_overlap_max` looks at. Changes results and speed.
    """

    step_decay: float = 0.9
    top_depth: int = 2
    position_decay: float = 0.2
    rarity_power: float = 1.0
    max_history: int = 20

    def __post_init__(self) -> None:
        check_number(self, "step_decay", low=1e-3, high=1)
        check_int(self, "top_depth", low=1)
        check_number(self, "position_decay", low=0)
        check_number(self, "rarity_power", low=0)
        check_int(self, "max_history", low=1)

    def fit(
        self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]
    ) -> FittedAffinity:
        """Keep the attributes of the items that the snapshot knows."""
        known, items = snapshot.known_items, snapshot.items
        labels = (items.brand, items.category, top_levels(items.category, self.top_depth))
        prices = log_prices(items.price[known])
        variance = float(np.nanvar(prices)) if not np.isnan(prices).all() else 0.0
        functions = repeat_weights(items.functions.lists.take(known))
        brand = repeat_weights(single_words(items.brand.codes[known]))
        levels = repeat_weights(category_levels(items.category.take(known)))
        words = {
            "ingredients": label_weights(items.ingredients.lists.take(known), self.position_decay),
            "functions": functions,
            "attributes": sp.hstack([functions, brand, levels], format="csr"),
        }
        return FittedAffinity(
            Lookup(known),
            {name: label.codes[known] for name, label in zip(_LABELS, labels, strict=True)},
            prices.astype(np.float32),
            variance,
            {name: _unit_words(words[name], self.rarity_power) for name in _WORDS},
            float(self.step_decay),
            self.max_history,
        )


def decayed_weight(history: Histories, step_decay: float) -> npt.NDArray[np.float32]:
    """Weight of each event by its kind and by the events that came later, float32 of shape (n,)."""
    return history.weight * np.power(np.float32(step_decay), history.step.astype(np.float32))


def _unit_words(matrix: sp.csr_matrix, rarity_power: float) -> sp.csr_matrix:
    """TF-IDF rows of unit length in the types that the kernel takes."""
    once = sp.csr_matrix((np.ones(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape)
    weights = matrix.data * by_rarity(once).data ** float(rarity_power)
    unit = unit_length(sp.csr_matrix((weights, matrix.indices, matrix.indptr), shape=matrix.shape))
    indptr, indices = unit.indptr.astype(np.int32), unit.indices.astype(np.int32)
    return sp.csr_matrix((unit.data.astype(np.float32), indices, indptr), shape=unit.shape)
