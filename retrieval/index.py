"""Nearest neighbours: the one module that knows FAISS."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import faiss
import numpy as np
import numpy.typing as npt

from dataset.errors import ArtefactError, ConfigurationError, DataContractError
from dataset.ordering import top_k_of_segments
from dataset.parameters import check_choice, check_int
from dataset.persistence import Saved
from retrieval import longest_first

KINDS: Final = ("auto", "flat", "ivf", "hnsw", "pq")
FLAT_UP_TO: Final = 200_000
"""Vectors that a search must compare up to which `auto` searches exactly, as a blocked matrix product.

Cells and graphs are no faster there at their recall. Products side by side, 128 dimensions, one thread: at
97,000 .40 ms a search; `hnsw` 1.19 with a recall of .97, `ivf` .41 with .98. At a million 3.6 ms; `ivf` .41
with .96, .61 with .99, 1.25 with .998. Factors, of very different lengths, are always searched exactly: at a
million .43 ms, since 3,000 of them are compared, not 962,000 (10.6 ms); of 73,000, `ivf` found .63.
"""

_TRAINED_ON: Final = 64  # vectors a cell, at most: a million are then divided in a minute

CODED_FROM: Final = 256
"""Vectors that `pq` needs at least: each part of its codes has so many values."""

_BUILT_WITH: Final = ("kind", "cells", "links", "build_effort", "code_bytes")
_COORDINATES: Final = 1 << 22  # of vectors compared anew together; memory grows with it, results do not
_METRIC: Final = faiss.METRIC_INNER_PRODUCT


@dataclass(frozen=True, kw_only=True)
class IndexSettings:
    """How vectors are searched by inner product.

    Parameters
    ----------
    kind : str
        `flat` is exact; `ivf` probes the nearest of many cells; `hnsw` walks a graph; `pq` probes cells too,
        reads short codes there, and compares only the best of these exactly; `auto` takes `flat` where a
        search compares at most `FLAT_UP_TO` vectors and `ivf` above. All but `flat` may change results.
    cells : int or None
        Into how many `ivf` and `pq` divide the vectors, at most one for 39 of them; None: four times the root
        of their number. Centres are learnt from at most 64 vectors a cell.
    probes : int
        Cells that `ivf` and `pq` visit a search. Time grows with it, and what is found.
    links : int
        Neighbours that `hnsw` remembers of each vector (M). Memory and time to build grow with it.
    build_effort : int
        Nodes that `hnsw` keeps in view while it is built (efConstruction).
    effort : int
        Nodes that `hnsw` keeps in view a search (efSearch), at least the number of neighbours asked for.
    code_bytes : int
        Length of the codes of `pq`, at most one byte a dimension.
    rerank : int
        How many times the neighbours asked for `pq` compares exactly.

    References
    ----------
    Jégou, Douze and Schmid, "Product quantization for nearest neighbor search", IEEE PAMI 33(1), 2011,
    section 4 (IVFADC). Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using
    hierarchical navigable small world graphs", IEEE PAMI 42(4), 2020.
    """

    kind: str = "auto"
    cells: int | None = None
    probes: int = 64
    links: int = 32
    build_effort: int = 100
    effort: int = 256
    code_bytes: int = 16
    rerank: int = 4

    def __post_init__(self) -> None:
        check_choice(self, "kind", KINDS)
        if self.cells is not None:
            check_int(self, "cells", low=1)
        for name in ("probes", "build_effort", "effort", "code_bytes", "rerank"):
            check_int(self, name, low=1)
        check_int(self, "links", low=2)

    def resolve(self, n: int) -> str:
        """The kind that is built where a search must compare n vectors."""
        if self.kind != "auto":
            return self.kind
        return "flat" if n <= FLAT_UP_TO else "ivf"

    def n_cells(self, n: int) -> int:
        """Cells that n vectors are divided into."""
        return max(1, min(self.cells or int(4 * np.sqrt(n)), n // 39))


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
        `flat`, `ivf`, `hnsw` or `pq`.
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
        """Index `matrix`, (n, d), whose rows belong to the items of `item`, (n,).

        Raises
        ------
        DataContractError
            If there are too few vectors for the kind to learn from.
        """
        faiss.omp_set_num_threads(1)
        matrix = np.ascontiguousarray(matrix, np.float32)
        kind = settings.resolve(longest_first.n_long(matrix)) if len(matrix) else "flat"
        index = None
        if kind == "hnsw":
            index = faiss.IndexHNSWFlat(matrix.shape[1], settings.links, _METRIC)
            index.hnsw.efConstruction = settings.build_effort
            index.add(matrix)
        elif kind in ("ivf", "pq"):
            index = _divided(kind, matrix, settings)
        return cls(item, matrix, kind, index, settings)

    def asked_with(self, settings: IndexSettings) -> "VectorIndex":
        """The same index, searched with other settings; nothing is copied.

        Raises
        ------
        ConfigurationError
            If it would have to be built anew for them.
        """
        other = [name for name in _BUILT_WITH if getattr(settings, name) != getattr(self.settings, name)]
        if other:
            raise ConfigurationError(
                f"An index that is there must be asked with the {', '.join(other)} that it was built with. "
                f"Got {', '.join(f'{getattr(settings, name)!r}' for name in other)}."
            )
        return replace(self, settings=settings)

    @cached_property
    def _reach(self) -> npt.NDArray[np.float32]:
        return longest_first.reach_of(self.matrix)

    @property
    def is_exact(self) -> bool:
        """Whether a search finds the k best whatever the vectors are."""
        return self.kind == "flat"

    def exactly(self) -> "VectorIndex":
        """The same vectors, searched exactly; they are not copied."""
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
        found: npt.NDArray[np.signedinteger]
        if self.index is None:
            some = None if len(rows) == len(self.item) else rows
            scores, found = longest_first.search(queries, self.matrix, self._reach, some, k, all_compared)
            found = np.where(found >= 0, rows[found], -1)
        elif self.kind == "pq":
            scores, found = self._coarse_then_exact(queries, k, rows)
        else:
            scores, found = self.index.search(queries, k, params=self._parameters(rows, k))
        return np.where(found >= 0, self.item[found], -1).astype(np.int32), scores

    def _coarse_then_exact(
        self, queries: npt.NDArray[np.float32], k: int, rows: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        """The k best by their own vectors of those that have the best codes."""
        wide = min(k * self.settings.rerank, len(rows))
        coded = _padded(queries, self.index.d)
        _, found = self.index.search(coded, wide, params=self._parameters(rows, wide))
        found = found.astype(np.int32)
        scores = np.full(found.shape, -np.inf, np.float32)
        step = max(1, _COORDINATES // (wide * self.matrix.shape[1]))
        for at in range(0, len(queries), step):
            vectors = self.matrix[found[at : at + step]]
            exact = np.matmul(vectors, queries[at : at + step, :, None])[:, :, 0]
            scores[at : at + step] = np.where(found[at : at + step] >= 0, exact, -np.inf)
        offsets = np.arange(len(queries) + 1, dtype=np.int64) * wide
        best = top_k_of_segments(offsets, found.reshape(-1), scores.reshape(-1), k)
        return best.scores, best.items

    def _parameters(self, rows: npt.NDArray[np.int64], k: int) -> Any:
        selector = None if len(rows) == len(self.item) else _selector(rows, len(self.item))
        if self.kind != "hnsw":
            of_kind = faiss.SearchParametersIVF if self.kind == "ivf" else faiss.IVFPQSearchParameters
            return of_kind(sel=selector, nprobe=min(self.settings.probes, self.index.nlist))
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


def all_compared(
    queries: npt.NDArray[np.float32], matrix: npt.NDArray[np.float32], k: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """The k largest inner products of each query, (q, d), with the rows of a matrix, (n, d).

    Returns
    -------
    scores : float32 array of shape (q, k)
        Descending.
    found : int64 array of shape (q, k)
        Rows.
    """
    scores, found = faiss.knn(queries, matrix, k, metric=_METRIC)
    return scores, found


def _divided(kind: str, matrix: npt.NDArray[np.float32], settings: IndexSettings) -> Any:
    """An index of cells, whole vectors or codes in them."""
    n, d = matrix.shape
    cells = settings.n_cells(n)
    if kind == "ivf":
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(d), d, cells, _METRIC)
    else:
        if n < CODED_FROM:
            raise DataContractError(
                f"The index pq must have at least {CODED_FROM} vectors to learn its codes from. Got {n}; "
                "take index=flat."
            )
        n_bytes = min(settings.code_bytes, d)
        matrix = _padded(matrix, -(-d // n_bytes) * n_bytes)
        d = matrix.shape[1]
        index = faiss.IndexIVFPQ(faiss.IndexFlatIP(d), d, cells, n_bytes, 8, _METRIC)
        index.cp.min_points_per_centroid = index.pq.cp.min_points_per_centroid = 1  # no warnings on stdout
    index.cp.max_points_per_centroid = _TRAINED_ON
    index.train(matrix)
    index.add(matrix)
    return index


def _padded(matrix: npt.NDArray[np.float32], d: int) -> npt.NDArray[np.float32]:
    """Columns of zeros behind, up to d: codes are of parts of equal length, inner products stay."""
    return np.pad(matrix, ((0, 0), (0, d - matrix.shape[1])))


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
