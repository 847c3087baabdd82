"""Small lists and truths for the tests of evaluation."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from dataset.queries import Qrels
from dataset.ragged import Ragged, offsets_of
from dataset.ranked import Ranked


def ranked_of(lists: Sequence[Sequence[int]], width: int) -> Ranked:
    """Lists of items, best first, padded to `width`; all scores tied, so that only the order can count."""
    items = np.full((len(lists), width), -1, np.int32)
    scores = np.full((len(lists), width), -np.inf, np.float32)
    for row, chosen in enumerate(lists):
        items[row, : len(chosen)] = chosen
        scores[row, : len(chosen)] = 0.5
    return Ranked(items, scores)


def qrels_of(truth: Sequence[Sequence[int]]) -> Qrels:
    """Relevant items of each query, in any order."""
    lengths = np.array([len(relevant) for relevant in truth], np.int64)
    values = np.array([item for relevant in truth for item in sorted(relevant)], np.int32)
    return Qrels(Ragged(offsets_of(lengths), values), np.ones(len(values), np.int8))


_item_sets = st.lists(st.integers(0, 11), max_size=8, unique=True)
lists_and_truth = st.lists(st.tuples(_item_sets, _item_sets), min_size=1, max_size=6)
