"""Grades of candidates, from the truth of their snapshot."""

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.queries import Qrels


def grades(candidates: Candidates, truth: Qrels) -> npt.NDArray[np.int8]:
    """Relevance of each candidate, int8 of shape (len(candidates),): its grade in the truth, else 0.

    Truth that retrieval missed is left out: adding it would teach the ranker that what the sources
    rank high is negative.

    Parameters
    ----------
    candidates : Candidates
        Of the same queries as `truth`.
    truth : Qrels
    """
    out = np.zeros(len(candidates), np.int8)
    span = int(max(candidates.item.max(initial=0), truth.items.values.max(initial=0))) + 1
    relevant = truth.items.rows.astype(np.int64) * span + truth.items.values
    pairs = candidates.query.astype(np.int64) * span + candidates.item
    if len(relevant) and len(pairs):
        at = np.minimum(np.searchsorted(pairs, relevant), len(pairs) - 1)
        found = pairs[at] == relevant
        out[at[found]] = truth.grade[found]
    return out
