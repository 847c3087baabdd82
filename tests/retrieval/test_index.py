import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.errors import ArtefactError, ConfigurationError, DataContractError, ParameterError
from pipeline import artefacts
from retrieval import index as module
from retrieval.index import IndexSettings, VectorIndex, k_means, nearest_centroid

KINDS = ("flat", "ivf", "hnsw")


def clustered(n=2000, d=12, n_clusters=40, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_clusters, d))
    matrix = centres[rng.integers(0, n_clusters, n)] + 0.4 * rng.normal(size=(n, d))
    return (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)


@given(seed=st.integers(0, 1000), k=st.integers(1, 40))
def test_exact_search_equals_all_products(seed, k):
    rng = np.random.default_rng(seed)
    item = np.sort(rng.choice(50, 20, replace=False)).astype(np.int32)
    matrix, queries = rng.normal(size=(20, 4)), rng.normal(size=(3, 4))
    allowed = rng.random(50) < rng.choice([0.0, 0.5, 1.0])
    built = VectorIndex.build(item, matrix.astype(np.float32), IndexSettings(kind="flat"))
    items, scores = built.search(queries.astype(np.float32), k, allowed)
    open_ = np.flatnonzero(allowed[item])
    products = queries @ matrix[open_].T
    order = np.argsort(-products, axis=1)[:, :k]
    np.testing.assert_array_equal(items, item[open_][order])
    np.testing.assert_allclose(scores, np.take_along_axis(products, order, axis=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "kind", ["ivf", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("hnsw", "pq"))]
)
@pytest.mark.parametrize("share", [1.0, 0.5, 0.05])
def test_approximate_search_keeps_the_mask_and_finds_nearly_all(kind, share):
    matrix = clustered()
    rng = np.random.default_rng(1)
    item = np.sort(rng.choice(5000, len(matrix), replace=False)).astype(np.int32)
    allowed = rng.random(5000) < share
    queries = matrix[rng.choice(len(matrix), 60)]
    exact, _ = VectorIndex.build(item, matrix, IndexSettings(kind="flat")).search(queries, 20, allowed)
    found, scores = VectorIndex.build(item, matrix, IndexSettings(kind=kind)).search(queries, 20, allowed)
    assert allowed[found[found >= 0]].all()
    assert np.isin(found[found >= 0], item).all()
    hits = np.mean([len(np.intersect1d(a, b[b >= 0])) / 20 for a, b in zip(exact, found, strict=True)])
    assert hits >= 0.9
    assert (np.diff(scores, axis=1) <= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_fewer_vectors_than_asked_for(kind):
    built = VectorIndex.build(np.array([2, 4, 5], np.int32), clustered(3), IndexSettings(kind=kind))
    items, _ = built.search(clustered(2, seed=1), 10, np.ones(6, bool))
    assert np.sort(items, axis=1).tolist() == [[2, 4, 5]] * 2
    only_four = np.arange(6) == 4
    assert built.search(clustered(2), 10, only_four)[0].tolist() == [[4]] * 2
    assert built.search(clustered(2), 10, np.zeros(6, bool))[0].shape == (2, 0)
    assert built.search(clustered(2)[:0], 10, np.ones(6, bool))[0].shape[0] == 0


@pytest.mark.parametrize("kind", [*KINDS, "pq", "auto"])
def test_no_vector_at_all(kind):
    empty = np.zeros((0, 3), np.float32)
    built = VectorIndex.build(np.zeros(0, np.int32), empty, IndexSettings(kind=kind))
    assert built.search(np.ones((2, 3), np.float32), 4, np.ones(6, bool))[0].shape == (2, 0)


def test_the_kind_is_chosen_by_how_many_vectors_a_search_compares(monkeypatch):
    monkeypatch.setattr(module, "FLAT_UP_TO", 100)
    assert [IndexSettings().resolve(n) for n in (0, 100, 101)] == ["flat", "flat", "ivf"]
    item, matrix = np.arange(101, dtype=np.int32), clustered(101)
    assert VectorIndex.build(item, matrix, IndexSettings()).kind == "ivf"
    matrix[::2] /= 100  # too short to be found, so no search goes as far
    assert VectorIndex.build(item, matrix, IndexSettings()).kind == "flat"


@pytest.mark.parametrize("kind", [*KINDS, "pq"])
def test_an_index_comes_back_from_disk(kind, tmp_path):
    matrix = clustered(300)
    built = VectorIndex.build(np.arange(300, dtype=np.int32), matrix, IndexSettings(kind=kind, probes=3))
    built.save(tmp_path)
    loaded = VectorIndex.load(tmp_path)
    assert (loaded.kind, loaded.settings) == (kind, built.settings)
    for one, other in zip(
        built.search(matrix[:9], 5, np.arange(300) % 3 > 0),
        loaded.search(matrix[:9], 5, np.arange(300) % 3 > 0),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_cut_index_is_an_artefact_error(tmp_path):
    """Loaded in a process of its own: what a library does with half a file is not to be trusted."""
    kinds = ("ivf", "hnsw")
    for kind in kinds:
        built = VectorIndex.build(np.arange(300, dtype=np.int32), clustered(300), IndexSettings(kind=kind))
        folder = tmp_path / kind
        artefacts.write_folder(folder, built.save)
        path = folder / "index.faiss"
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(ArtefactError, match=r"index\.faiss is not what its manifest says"):
            artefacts.verify(folder, artefacts.read_manifest(folder)["files"])
    script = (
        "import sys, pathlib\n"
        "from dataset.errors import ArtefactError\n"
        "from retrieval.index import VectorIndex\n"
        "for folder in sys.argv[1:]:\n"
        "    try:\n        VectorIndex.load(pathlib.Path(folder))\n"
        "    except ArtefactError:\n        print('refused')\n"
    )
    command = [sys.executable, "-c", script, *(str(tmp_path / kind) for kind in kinds)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout.split() == ["refused", "refused"], (result.returncode, result.stderr)


def test_clusters_are_found_again():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 4, 200)
    matrix = (10 * np.eye(4)[truth] + 0.1 * rng.normal(size=(200, 4))).astype(np.float32)
    centroids = k_means(matrix, 4, seed=0)
    found = nearest_centroid(matrix, centroids)
    assert len({(int(a), int(b)) for a, b in zip(truth, found, strict=True)}) == 4
    distance = ((matrix[:, None] - centroids[None]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(found, distance.argmin(axis=1))
    np.testing.assert_array_equal(k_means(matrix, 4, seed=0), centroids)


@pytest.mark.parametrize(("rows", "n_clusters", "n_centroids"), [(0, 3, 1), (1, 3, 1), (2, 3, 2)])
def test_fewer_rows_than_clusters(rows, n_clusters, n_centroids):
    assert k_means(clustered(5)[:rows], n_clusters, 0).shape == (n_centroids, 12)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "annoy"},
        {"kind": 3},
        {"cells": 0},
        {"probes": 0},
        {"links": 1},
        {"build_effort": 0},
        {"effort": "much"},
        {"code_bytes": 0},
        {"rerank": 1.5},
    ],
    ids=str,
)
def test_wrong_settings_are_refused(wrong):
    name = next(iter(wrong))
    with pytest.raises(ParameterError, match=f"^The '{name}' parameter of IndexSettings must be .* Got"):
        IndexSettings(**wrong)


@given(seed=st.integers(0, 1000), d=st.integers(3, 20), code_bytes=st.integers(1, 24))
@settings(max_examples=15)
def test_what_codes_find_is_scored_by_the_vectors_themselves(seed, d, code_bytes):
    matrix = clustered(300, d, seed=seed)
    asked = IndexSettings(kind="pq", cells=3, probes=3, code_bytes=code_bytes, rerank=30)
    item = np.arange(0, 600, 2, dtype=np.int32)
    queries, allowed = matrix[:7] + np.float32(0.1), np.arange(600) % 5 > 0
    found, scores = VectorIndex.build(item, matrix, asked).search(queries, 10, allowed)
    np.testing.assert_allclose(scores, np.einsum("qd,qkd->qk", queries, matrix[found // 2]), rtol=1e-4)
    # All cells are visited and as many vectors compared as are allowed: nothing can be missed.
    exact, _ = VectorIndex.build(item, matrix, IndexSettings(kind="flat")).search(queries, 10, allowed)
    np.testing.assert_array_equal(found, exact)


def test_codes_are_learnt_from_enough_vectors_or_not_at_all():
    with pytest.raises(DataContractError, match=r"^The index pq must have at least 256 .* Got 255; take"):
        VectorIndex.build(np.arange(255, dtype=np.int32), clustered(255), IndexSettings(kind="pq"))


@pytest.mark.parametrize(
    ("kind", "name", "few", "many"),
    [("ivf", "probes", 1, 40), ("hnsw", "effort", 1, 400), ("pq", "probes", 1, 40), ("pq", "rerank", 1, 20)],
)
def test_an_index_asked_with_more_finds_more(kind, name, few, many):
    matrix = clustered(1500, 24, n_clusters=300)
    item, allowed = np.arange(1500, dtype=np.int32), np.ones(1500, bool)
    built = VectorIndex.build(item, matrix, IndexSettings(kind=kind, code_bytes=4, cells=40))
    exact, _ = built.exactly().search(matrix[:80], 20, allowed)

    def recall(value):
        found, _ = built.asked_with(replace(built.settings, **{name: value})).search(matrix[:80], 20, allowed)
        return np.mean([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)])

    assert recall(many) > recall(few)


def test_an_index_is_asked_only_with_what_it_was_built_with():
    built = VectorIndex.build(np.arange(50, dtype=np.int32), clustered(50), IndexSettings(kind="hnsw"))
    with pytest.raises(ConfigurationError, match=r"with the links that it was built with\. Got 8\.$"):
        built.asked_with(IndexSettings(kind="hnsw", links=8))


def test_settings_of_a_build_are_heeded():
    matrix, item = clustered(500), np.arange(500, dtype=np.int32)
    sparse, dense = (
        VectorIndex.build(item, matrix, IndexSettings(kind="hnsw", links=links)) for links in (4, 32)
    )
    assert sparse.index.hnsw.nb_neighbors(1) < dense.index.hnsw.nb_neighbors(1)
    assert VectorIndex.build(item, matrix, IndexSettings(kind="ivf", cells=7)).index.nlist == 7
    assert VectorIndex.build(item, matrix, IndexSettings(kind="pq", code_bytes=3)).index.code_size == 3
