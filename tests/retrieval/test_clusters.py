import numpy as np
import pytest

from retrieval.clusters import Clusters
from retrieval.popular import decayed_counts
from tests.contracts import shops


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_entries_are_shares_of_the_cluster(seed):
    snapshot = shops.snapshot(seed)
    vectors = shops.vectors(snapshot)
    model = Clusters(vectors={"ingredients": 1.0}, n_clusters=4).fit(snapshot, vectors)
    cluster = model.row_of_item
    np.testing.assert_array_equal(np.flatnonzero(cluster >= 0), vectors["ingredients"].item)
    count = decayed_counts(snapshot, 90.0)
    expected = np.zeros((4, len(cluster)))
    for item in np.flatnonzero((cluster >= 0) & (count > 0)):
        expected[cluster[item], item] = count[item] / count[cluster == cluster[item]].sum()
    np.testing.assert_allclose(model.neighbours.toarray(), expected, rtol=1e-5)


def test_a_small_catalogue_has_few_clusters():
    snapshot = shops.snapshot(0, n_items=12)
    vectors = shops.vectors(snapshot)
    n = len(vectors["ingredients"].item)
    model = Clusters(vectors={"ingredients": 1.0}).fit(snapshot, vectors)
    assert model.neighbours.shape[0] == max(1, n // 4)


def test_only_the_most_popular_of_a_cluster_stay():
    snapshot = shops.snapshot(0)
    source = Clusters(vectors={"ingredients": 1.0}, n_clusters=2, neighbours=3)
    assert np.diff(source.fit(snapshot, shops.vectors(snapshot)).neighbours.indptr).tolist() == [3, 3]
