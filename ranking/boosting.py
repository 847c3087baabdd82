"""Between our tables and LightGBM's own objects."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import lightgbm as lgb
import numpy as np

from dataset.errors import DataContractError
from ranking.table import RankingTable

MAX_ROWS_A_QUERY = 10_000  # LightGBM refuses larger groups
MAX_GRADE = 30  # LightGBM's table of gains ends there
LEAF_BITS = 32  # leaves are multiples of 2 ** -32: sums below 2 ** 20 are exact in float64 in any order


def usable(training: Sequence[RankingTable]) -> list[RankingTable]:
    """Tables that hold a positive; an error if there is none."""
    learnt_from = [table for table in training if table.grade.any()]
    if not learnt_from:
        raise DataContractError(
            "The ranker needs past queries whose truth retrieval found. Got none; move the cut-off "
            "later, widen the sources or take ranking=reciprocal_rank_fusion."
        )
    return learnt_from


def with_rounded_leaves(model: str) -> str:
    """A text model whose leaves are float32 multiples of 2 ** -32, which moves a score by about 1e-9.

    Every scorer then gives equal bytes, those that keep leaves as float32 or take the trees in another order
    too: all partial sums are exact.
    """
    booster = lgb.Booster(model_str=model)
    for tree, n_leaves in enumerate(re.findall(r"^num_leaves=(\d+)$", model, re.MULTILINE)):
        for leaf in range(int(n_leaves)):
            value = np.float32(np.round(np.ldexp(booster.get_leaf_output(tree, leaf), LEAF_BITS)))
            booster.set_leaf_output(tree, leaf, float(np.ldexp(value, -LEAF_BITS)))
    return str(booster.model_to_string())


def to_lightgbm(
    table: RankingTable, parameters: Mapping[str, Any], reference: lgb.Dataset | None = None
) -> lgb.Dataset:
    """A table as LightGBM's; the queries without a row are no group.

    Raises
    ------
    DataContractError
        If a query has more candidates, or a grade is higher, than LightGBM takes.
    """
    sizes = np.diff(table.offsets)
    if sizes.max(initial=0) > MAX_ROWS_A_QUERY:
        raise DataContractError(
            f"LightGBM takes at most {MAX_ROWS_A_QUERY:,} candidates a query. Got {sizes.max():,}; "
            "lower retrieval.budget."
        )
    if not ((table.grade >= 0) & (table.grade <= MAX_GRADE)).all():  # so that NaN fails too
        raise DataContractError(
            f"Grades must be within 0 and {MAX_GRADE}. Got {table.grade.min()} to {table.grade.max()}."
        )
    features = table.features
    return lgb.Dataset(
        features.values,
        label=table.grade.astype(np.float32),
        group=sizes[sizes > 0],
        feature_name=list(features.names),
        categorical_feature=list(features.categorical),
        reference=reference,
        params={"verbosity": -1, "num_threads": parameters["num_threads"]},
        free_raw_data=True,
    )
