"""A line of the results: what a configuration cost and how good it was.

Results are `cells.jsonl`: a JSON object a line, a cell a line, in the order of the grid. Every line has all
of these keys, in this order; what was not measured, or makes no sense for the kind of cell, is null.

=================== =====================================================================================
key                 meaning
=================== =====================================================================================
cell                name, unique in the file and good as the name of a file
kind                `two_stage`; `exhaustive`: the ranker over all that each user may get; `source`: a list
                    without a stage two; `oracle`: the true probabilities of a generated shop
build               label of each axis of the grid that needs a model of its own: `{"retrieval.budget": 100,
                    "ranker": "cascade"}`; of a reference that needs none, the axes that say which data
query               label of each axis that changes only how the model is asked
overrides           list of str: what `glowrank experiment` is given beside the `base` of `plan.json`
exact               whether that experiment gives this nDCG to the last digit: every query was asked, and the
                    candidates that the ranker learnt from were searched for as those that it orders
key                 fingerprint of all that decides the line
status, reason      `done`, or `failed` and why, in a sentence; then what follows may be null
versions            of Glowrank, the revision, Python, libraries
processor           `{"name", "cores"}`
threads             blocks worked on side by side; the seconds below are of the clock on the wall with so many
data                digest of the dataset
n_items             products that anybody may get: the eligible catalogue of the judged snapshot
n_users, n_events   users of the dataset, events of the history that is answered from
n_queries           users with history and truth that the figures are of
n_candidates        mean size of a pool, or of what a reference scores
n_trees, n_features of the ranker
seconds_of_fit      `{"embeddings", "sources", "features", "tables", "training", "total"}`: seconds of work;
                    what the cache gave back counts with the seconds that it took when it was computed. Of a
                    reference only what it needs
seconds_per_user    `{"search", "features", "ranking", "cutting", "total"}`: medians over blocks of users,
                    after one that warms up; the parts need not add up to the total. Of references without
                    a stage two only `search` and `total`
peak_memory_bytes   resident memory of the process that answered, at its highest, libraries and data included
index_bytes         of the vectors and the structure that searches them, on disk
model_bytes         of everything that is needed to answer, that index included, on disk
index_recall        share of the nearest vectors that the index finds; 1 if it compares all; null without one
pool_recall         share of what users took that is in their pools
ndcg@10             `{"mean", "low", "high"}`, as of `glowrank experiment`
coverage@10         share of the catalogue that stands in anybody's list; of equal numbers of users comparable
share_of_exhaustive `{"ndcg@10", "seconds"}`: of the exhaustive cell of the same data, the nDCG over the users
                    whom both were asked for
=================== =====================================================================================

The nDCG of every query is beside it, in `values/CELL.npy`: float64, a place for each query of the judged
snapshot in its order, NaN for those not asked, so that cells of the same data can be compared in pairs.
"""

from collections.abc import Mapping
from typing import Any, Final

KEYS: Final = (
    "cell",
    "kind",
    "build",
    "query",
    "overrides",
    "exact",
    "key",
    "status",
    "reason",
    "versions",
    "processor",
    "threads",
    "data",
    "n_items",
    "n_users",
    "n_events",
    "n_queries",
    "n_candidates",
    "n_trees",
    "n_features",
    "seconds_of_fit",
    "seconds_per_user",
    "peak_memory_bytes",
    "index_bytes",
    "model_bytes",
    "index_recall",
    "pool_recall",
    "ndcg@10",
    "coverage@10",
    "share_of_exhaustive",
)
TIMINGS: Final = ("seconds_of_fit", "seconds_per_user", "peak_memory_bytes")
"""Keys that differ from run to run; so does `seconds` of `share_of_exhaustive`."""


def line_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """A line with all keys in their order; what `facts` leaves out is None.

    Raises
    ------
    ValueError
        If `facts` says something that no line has.
    """
    unknown = sorted(set(facts) - set(KEYS))
    if unknown:
        raise ValueError(f"A cell must hold known keys. Got {', '.join(unknown)}.")
    return {key: facts.get(key) for key in KEYS}


def without_timings(line: Mapping[str, Any]) -> dict[str, Any]:
    """What is equal whenever the same cell is measured again."""
    kept = {key: value for key, value in line.items() if key not in TIMINGS}
    share = kept.get("share_of_exhaustive")
    return kept | {"share_of_exhaustive": share and {"ndcg@10": share["ndcg@10"]}}
