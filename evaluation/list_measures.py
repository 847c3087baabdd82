"""The measures of lists beyond accuracy, by query."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.queries import Qrels
from dataset.ranked import Ranked
from evaluation.list_facts import ListFacts
from evaluation.metrics.calibration import Calibration, list_categories
from evaluation.metrics.diversity import Diversity
from evaluation.metrics.membership import is_in_row
from evaluation.metrics.metric import hit_matrix
from evaluation.metrics.new_items import NewItems
from evaluation.metrics.novelty import Novelty
from evaluation.metrics.popularity_lift import PopularityLift
from evaluation.metrics.recall import Recall
from evaluation.metrics.repeats import Repeats
from evaluation.profiles import Profiles

Values = Mapping[str, npt.NDArray[np.float64]]
"""Measure to its values by query: (m,), or (m, 2) for a ratio of two means."""
BLOCK_QUERIES: Final = 8192  # measured together; bounds memory, changes no result


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A block of m queries, and which of their relevant items are new to the user in which sense.

    Parameters
    ----------
    facts : ListFacts
    profiles : Profiles
    truth : Qrels
    n_repeat : int64 array of shape (m,)
        Relevant items that the user has had an event with.
    n_known, n_unknown : int64 arrays of shape (m,)
        Relevant items in a category that the user has, or has not, had an event in; items without a category
        are neither.
    """

    facts: ListFacts
    profiles: Profiles
    truth: Qrels
    n_repeat: npt.NDArray[np.int64]
    n_known: npt.NDArray[np.int64]
    n_unknown: npt.NDArray[np.int64]

    @classmethod
    def of(cls, facts: ListFacts, truth: Qrels) -> "Asked":
        """Count the relevant items of each kind."""
        profiles, rows, item = facts.profiles(), truth.items.rows, truth.items.values
        category = facts.category.codes[item]
        is_known = is_in_row(rows, category, profiles.categories)
        kinds = (is_in_row(rows, item, profiles.items), is_known, ~is_known & (category >= 0))
        n_repeat, n_known, n_unknown = (
            np.bincount(rows[kind], minlength=len(truth)).astype(np.int64) for kind in kinds
        )
        return cls(
            facts=facts,
            profiles=profiles,
            truth=truth,
            n_repeat=n_repeat,
            n_known=n_known,
            n_unknown=n_unknown,
        )

    def measure(self, ranked: Ranked, k: int, new_days: int) -> dict[str, npt.NDArray[np.float64]]:
        """All measures of the lists of one run."""
        cut = Ranked(ranked.items[:, :k], ranked.scores[:, :k])
        facts, profiles = self.facts, self.profiles
        novelty, new_items, lift = Novelty(k), NewItems(k, new_days), PopularityLift(k)
        calibration, diversity, repeats = Calibration(k), Diversity(k), Repeats(k)
        query = np.arange(len(cut))[:, None]
        is_repeat = is_in_row(query, cut.items, profiles.items)
        popularity = facts.items.popularity
        values = {novelty.name: novelty(cut, popularity, facts.items.n_users)}
        for name, vectors in facts.vectors.items():
            values[diversity.name.replace("@", f"_{name}@")] = diversity(cut, vectors)
        values |= {
            calibration.name: calibration(cut, facts.category.codes, profiles),
            new_items.name: new_items(cut, facts.known_since, facts.time),
            lift.name: lift(cut, popularity, profiles.popularity),
            repeats.name: repeats(is_repeat, cut.lengths),
        }
        return values | self._recalls(cut, is_repeat, k)

    def _recalls(
        self, cut: Ranked, is_repeat: npt.NDArray[np.bool_], k: int
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Recall of repeats and discoveries apart, and of categories old and new to the user."""
        recall, hits = Recall(k), hit_matrix(cut, self.truth)
        category = list_categories(cut.items, self.facts.category.codes)
        is_known = is_in_row(np.arange(len(cut))[:, None], category, self.profiles.categories)
        n_relevant = self.truth.items.lengths
        return {
            f"recall_repeat@{k}": recall(hits & is_repeat, self.n_repeat),
            f"recall_discovery@{k}": recall(hits & ~is_repeat, n_relevant - self.n_repeat),
            f"recall_known_category@{k}": recall(hits & is_known, self.n_known),
            f"recall_new_category@{k}": recall(hits & ~is_known & (category >= 0), self.n_unknown),
        }


def measure_lists(
    runs: Mapping[str, Ranked], truth: Qrels, facts: ListFacts, *, k: int, new_days: int = 90
) -> dict[str, dict[str, npt.NDArray[np.float64]]]:
    """Run to measure to its values for each of m queries, block by block of queries.

    Parameters
    ----------
    runs : mapping of str to Ranked
    truth : Qrels
    facts : ListFacts
        All of the same m queries.
    k : int
        Cut-off of all measures.
    new_days : int
        See `NewItems`.

    Returns
    -------
    dict
        float64 arrays of shape (m,), NaN where undefined; of shape (m, 2) for "popularity_lift@k", whose two
        columns are those of `PopularityLift`. Names are the same for every run.
    """
    parts: dict[str, list[dict[str, npt.NDArray[np.float64]]]] = {run: [] for run in runs}
    for rows in blocks_of(len(facts)):
        asked = Asked.of(facts.take(rows), truth.take(rows))
        for run, ranked in runs.items():
            parts[run].append(asked.measure(ranked.take(rows), k, new_days))
    return {
        run: {name: np.concatenate([part[name] for part in measured]) for name in measured[0]}
        for run, measured in parts.items()
    }


def blocks_of(m: int) -> Iterator[npt.NDArray[np.int64]]:
    """The rows 0 to m - 1 in blocks; one empty block where there is none."""
    for first in range(0, max(m, 1), BLOCK_QUERIES):
        yield np.arange(first, min(first + BLOCK_QUERIES, m))
