"""The popular products of the clusters that a user buys from."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from dataset.parameters import check_int, check_mapping, check_number
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from retrieval.content import side_by_side
from retrieval.index import k_means, nearest_centroid
from retrieval.popular import decayed_counts
from retrieval.sparse_rows import SparseRows, keep_largest


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """Products clustered on their vectors; score = the user's weight on a cluster x share of the item in it.

    Parameters
    ----------
    quota : int
        Candidates that the source may nominate a query; 0 for a pure scorer. Changes results.
    vectors : mapping of str to float
        Weight of each embedding, by name; embeddings that the data cannot give are left out.
    n_clusters : int
        At most; a small catalogue gets a cluster per 4 items.
    half_life_days : float
        Age at which an event counts half in an item's popularity; 0 switches it off.
    step_decay : float
        Weight per step back in the history; within 0 and 1.
    neighbours : int
        Items kept a cluster.
    seed : int
    """

    quota: int = 40
    vectors: Mapping[str, float]
    n_clusters: int = 100
    half_life_days: float = 90.0
    step_decay: float = 0.9
    neighbours: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        check_int(self, "quota", low=0)
        for name in ("n_clusters", "neighbours"):
            check_int(self, name, low=1)
        check_int(self, "seed", low=0)
        check_number(self, "half_life_days", low=0)
        check_number(self, "step_decay", low=0, high=1)
        check_mapping(self, "vectors")

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> SparseRows:
        """Cluster the items that the embeddings place."""
        n_items = len(snapshot.items)
        items, matrix = side_by_side(self.vectors, vectors)
        row_of_item = np.full(n_items, -1, np.int32)
        n_clusters = max(1, min(self.n_clusters, len(items) // 4))
        if len(items):
            centroids = k_means(matrix, n_clusters, self.seed)
            row_of_item[items] = nearest_centroid(matrix, centroids)
        count = decayed_counts(snapshot, self.half_life_days)
        placed = np.flatnonzero((row_of_item >= 0) & (count > 0))
        cluster = row_of_item[placed]
        share = count[placed] / np.bincount(cluster, weights=count[placed], minlength=n_clusters)[cluster]
        rows = sp.csr_matrix((share.astype(np.float32), (cluster, placed)), shape=(n_clusters, n_items))
        return SparseRows(keep_largest(rows, self.neighbours), row_of_item, self.step_decay, 0.0)
