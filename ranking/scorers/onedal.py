"""Intel's oneDAL evaluates the trees (extra `fast`)."""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from ranking.scorers.columns import Columns
from ranking.scorers.forest import Forest
from ranking.scorers.proof import fall_back, prove
from ranking.scorers.scorer import FittedScorer, Trees, UnsupportedError


@dataclass(frozen=True, kw_only=True)
class OneDal:
    """`gbt_regression_prediction` of daal4py, on trees that are built split by split.

    oneDAL keeps thresholds and leaves as float32. Thresholds are rounded so that this changes no comparison
    (see `Forest`), and `LambdaMart` rounds its leaves so that float64 sums of them are exact in any order; a
    model whose leaves are not so rounded fails the proof and falls back.
    """

    def of(self, trees: Trees) -> FittedScorer:
        """The scorer of a model, or LightGBM's own with a warning where oneDAL is missing or differs."""
        try:
            return converted(trees)
        except UnsupportedError as error:
            return fall_back("onedal", str(error), trees)


def converted(trees: Trees) -> "FittedOneDal":
    """The scorer of a model.

    Raises
    ------
    UnsupportedError
        If the library or the processor is missing, or a score differs from LightGBM's.
    """
    library = _library()
    forest = Forest.of(trees.text)
    scorer = FittedOneDal(forest.n_features, forest.columns, _built(library, forest))
    prove(scorer, forest, trees)
    return scorer


@dataclass(frozen=True)
class FittedOneDal:
    """A model of oneDAL.

    Parameters
    ----------
    n_features : int
    columns : Columns
    model : daal4py.gbt_regression_model
    """

    n_features: int
    columns: Columns
    model: Any
    name: str = "onedal"

    def score(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Sums of leaves, float32 of shape (n,)."""
        assert values.dtype == np.float32
        assert values.shape[1] == self.n_features
        if not len(values):
            return np.zeros(0, np.float32)
        # In float32 the sum would depend on the order in which oneDAL takes the trees.
        algorithm = _library().gbt_regression_prediction(fptype="double")
        columns = self.columns.of(np.ascontiguousarray(values))
        return np.asarray(algorithm.compute(columns, self.model).prediction, np.float32).ravel()


@cache
def _library() -> Any:
    """daal4py, once a process: on one thread, as blocks of users are what is spread over threads."""
    try:
        library = import_module("daal4py")
        library.daalinit(1)
        return library
    except (ImportError, OSError, RuntimeError) as error:  # the last two where the processor lacks something
        raise UnsupportedError(f"oneDAL cannot be loaded ({error}); install glowrank[fast]") from error


def _built(library: Any, forest: Forest) -> Any:
    """Every tree, split by split from the root: oneDAL names parents by the numbers that it gives them."""
    if not len(forest.columns):
        raise UnsupportedError("no tree has a split")
    builder = library.gbt_reg_model_builder(n_features=len(forest.columns), n_iterations=forest.n_trees)
    for at in range(forest.n_trees):
        first, first_leaf = forest.split_offsets[at], forest.leaf_offsets[at]
        n_splits = int(forest.split_offsets[at + 1] - first)
        tree = builder.create_tree(2 * n_splits + 1)
        waiting: list[tuple[int, dict[str, int]]] = [(0 if n_splits else -1, {})]
        for node, place in waiting:
            if node < 0:
                leaf = float(forest.leaf[first_leaf - 1 - node])
                builder.add_leaf(tree_id=tree, response=leaf, cover=1.0, **place)
                continue
            parent = builder.add_split(
                tree_id=tree,
                feature_index=int(forest.column[first + node]),
                feature_value=float(forest.threshold[first + node]),
                default_left=1,
                cover=1.0,
                **place,
            )
            for position, child in enumerate((forest.left[first + node], forest.right[first + node])):
                waiting.append((int(child), {"parent_id": parent, "position": position}))
    return builder.model(base_score=None)
