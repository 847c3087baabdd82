"""Nearest neighbours: the one module that knows FAISS."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import faiss
import numpy as np
import numpy.typing as npt

from dataset.errors import ArtefactError
from dataset.parameters import check_choice, check_int
from dataset.persistence import Saved

KINDS: Final = ("auto", "flat", "ivf", "hnsw")
FLAT_UP_TO: Final = 50_000
"""Vectors up to which `auto` searches exactly: below, a blocked matrix product is the fastest search."""

_METRIC: Final = faiss.METRIC_INNER_PRODUCT


@dataclass(frozen=True, kw_only=True)
class IndexSettings:
    """How vectors are searched by inner product.

    Parameters
    ----------
    kind : str
        `flat` is exact; `ivf` probes the nearest of many cells; `hnsw` walks a graph; `auto` takes
        `flat` up to `FLAT_UP_TO` vectors and `hnsw` above. All but `flat` may change results.
    probes : int
        Cells that `ivf` visits a search.
    effort : int
        Nodes that `hnsw` keeps in view a search (efSearch), at least the number of neighbours asked for.
    """

    kind: str = "auto"
    probes: int = 32
    effort: int = 256

    def __post_init__(self) -> None:
        check_choice(self, "kind", KINDS)
        check_int(self, "probes", low=1)
        check_int(self, "effort", low=1)

    def resolve(self, n: int) -> str:
        """The kind that is built for n vectors."""
        if self.kind != "auto":
            return self.kind
        return "flat" if n <= FLAT_UP_TO else "hnsw"


@dataclass(frozen=True, eq=False)
class VectorIndex(Saved):
    """Vectors of items, searchable by inner product under a mask.

    FAISS runs on the calling thread alone: blocks of queries run side by side instead, so the graph that
    `hnsw` builds and every result are the same for any number of threads.

    Parameters
    ----------
    item : int32 array of shape (n,)
        Item code of each vector.
    matrix : float32 array of shape (n, d)
    kind : str
        `flat`, `ivf` or `hnsw`.
    index : faiss.Index or None
        None for `flat`, which needs the matrix alone.
    settings : IndexSettings
    """

    item: npt.NDArray[np.int32]
    matrix: npt.NDArray[np.float32]
    kind: str
    index: Any
    settings: IndexSettings

    @classmethod
    def build(
        cls, item: npt.NDArray[np.int32], matrix: npt.NDArray[np.float32], settings: IndexSettings
    ) -> "VectorIndex":
        """Index `matrix`, (n, d), whose rows belong to the items of `item`, (n,)."""
        faiss.omp_set_num_threads(1)
        matrix = np.ascontiguousarray(matrix, np.float32)
        kind = settings.resolve(len(matrix)) if len(matrix) else "flat"
        index = None
        if kind == "ivf":
            cells = max(1, min(int(4 * np.sqrt(len(matrix))), len(matrix) // 39))
            index = faiss.IndexIVFFlat(faiss.IndexFlatIP(matrix.shape[1]), matrix.shape[1], cells, _METRIC)
            index.train(matrix)
            index.add(matrix)
        elif kind == "hnsw":
            index = faiss.IndexHNSWFlat(matrix.shape[1], 32, _METRIC)
            index.hnsw.efConstruction = 100
            index.add(matrix)
        return cls(item, matrix, kind, index, settings)

    @property
    def is_exact(self) -> bool:
        """Whether a search finds the k best whatever the vectors are."""
        return self.kind == "flat"

    def exactly(self) -> "VectorIndex":
        """The same vectors, all of them compared with every search; they are not copied."""
        return VectorIndex(self.item, self.matrix, "flat", None, self.settings)

    def search(
        self, queries: npt.NDArray[np.float32], k: int, allowed: npt.NDArray[np.bool_]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """The k best among the allowed items.

        Parameters
        ----------
        queries : float32 array of shape (q, d)
        k : int
        allowed : bool array of shape (n_items,)
            Mask over item codes, applied inside the search.

        Returns
        -------
        items : int32 array of shape (q, k)
            -1 where there are fewer.
        scores : float32 array of shape (q, k)
        """
        faiss.omp_set_num_threads(1)
        rows = np.flatnonzero(allowed[self.item])
        k = min(k, len(rows))
        if k == 0 or not len(queries):
            return np.full((len(queries), 0), -1, np.int32), np.zeros((len(queries), 0), np.float32)
        queries = np.ascontiguousarray(queries, np.float32)
        if self.index is None:
            matrix = self.matrix if len(rows) == len(self.item) else self.matrix[rows]
            scores, found = faiss.knn(queries, matrix, k, metric=_METRIC)
            found = np.where(found >= 0, rows[found], -1)
        else:
            scores, found = self.index.search(queries, k, params=self._parameters(rows, k))
        return np.where(found >= 0, self.item[found], -1).astype(np.int32), scores

    def _parameters(self, rows: npt.NDArray[np.int64], k: int) -> Any:
        selector = None if len(rows) == len(self.item) else _selector(rows, len(self.item))
        if self.kind == "ivf":
            return faiss.SearchParametersIVF(sel=selector, nprobe=min(self.settings.probes, self.index.nlist))
        return faiss.SearchParametersHNSW(sel=selector, efSearch=max(self.settings.effort, k))

    def save(self, folder: Path) -> None:
        """Write the vectors as .npy and, unless flat, the FAISS index beside them."""
        _Vectors(self.item, self.matrix, self.kind, self.settings).save(folder / "vectors")
        (folder / "value.json").write_text('{"class": "retrieval.index:VectorIndex", "fields": {}}', "utf-8")
        if self.index is not None:
            faiss.write_index(self.index, str(folder / "index.faiss"))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; checksums must have been verified before, FAISS does not check."""
        vectors = _Vectors.load(folder / "vectors")
        index = None
        if vectors.kind != "flat":
            try:
                index = faiss.read_index(str(folder / "index.faiss"))
            except RuntimeError as error:
                raise ArtefactError(f"{folder} must hold a FAISS index. Got: {error}.") from error
        return cls(vectors.item, vectors.matrix, vectors.kind, index, vectors.settings)


@dataclass(frozen=True)
class _Vectors(Saved):
    item: npt.NDArray[np.int32]
    matrix: npt.NDArray[np.float32]
    kind: str
    settings: IndexSettings


def _selector(rows: npt.NDArray[np.int64], n: int) -> Any:
    mask = np.zeros(n, bool)
    mask[rows] = True
    return faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))


def k_means(matrix: npt.NDArray[np.float32], n_clusters: int, seed: int) -> npt.NDArray[np.float32]:
    """Centroids of Lloyd's algorithm, float32 of shape (at most n_clusters, d).

    At most 256 rows a cluster are used for the fit, drawn by `seed`. No rows give one centroid, at 0.
    """
    if not len(matrix):
        return np.zeros((1, matrix.shape[1]), np.float32)
    faiss.omp_set_num_threads(1)
    matrix = np.ascontiguousarray(matrix, np.float32)
    n_clusters = min(n_clusters, len(matrix))
    clustering = faiss.Kmeans(
        matrix.shape[1],
        n_clusters,
        niter=20,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=256,
    )
    clustering.train(matrix)
    return np.asarray(clustering.centroids, np.float32)


def nearest_centroid(
    matrix: npt.NDArray[np.float32], centroids: npt.NDArray[np.float32]
) -> npt.NDArray[np.int32]:
    """Number of the nearest centroid of each row, int32 of shape (n,)."""
    faiss.omp_set_num_threads(1)
    _, found = faiss.knn(np.ascontiguousarray(matrix, np.float32), centroids, 1, metric=faiss.METRIC_L2)
    return np.asarray(found[:, 0], np.int32)
