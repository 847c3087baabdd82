"""Reasons as columns of the parts, nested where they are several things of one kind."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataset.interactions import KINDS
from dataset.ragged import offsets_of
from pipeline.reasons.reasons import Explanation, Reasons


def reason_columns(part: Sequence[Reasons], explanation: Explanation, item_ids: pa.Array) -> dict[str, Any]:
    """The columns of a part, by name.

    `nearest` is a struct of `item`, `event`, `similarity` and, in `cosines`, the cosine of each embedding;
    null where there is none. `shared_ingredients` and `shared_functions` are lists of words, rarest first.
    `contributions` is a struct of "base" and each family, null where no model gave the score; it is there if
    any block has contributions.

    Parameters
    ----------
    part : sequence of Reasons
        Of its blocks, in order.
    explanation : Explanation
        What they were read from.
    item_ids : pyarrow.Array
        External ids by item code.
    """
    columns = {
        "nearest": _nearest(part, explanation, item_ids),
        "shared_ingredients": _words([r.ingredients for r in part], explanation.ingredients.words),
        "shared_functions": _words([r.functions for r in part], explanation.functions.words),
    }
    told = [reasons.contributions for reasons in part]
    names = next((one.names for one in told if one is not None), None)
    if names is not None:
        rows = [
            np.full((len(reasons.nearest), len(names)), np.nan) if one is None else one.values
            for reasons, one in zip(part, told, strict=True)
        ]
        columns["contributions"] = _struct(np.concatenate(rows), names)
    return columns


def _nearest(part: Sequence[Reasons], explanation: Explanation, item_ids: pa.Array) -> pa.StructArray:
    nearest = np.concatenate([reasons.nearest for reasons in part])
    event = np.concatenate([reasons.event for reasons in part])
    none = nearest < 0
    used, item = np.unique(np.maximum(nearest, 0), return_inverse=True)
    ids = item_ids.take(pa.array(used)) if len(item_ids) else item_ids
    fields = {
        "item": pa.DictionaryArray.from_arrays(pa.array(item.astype(np.int32), mask=none), ids),
        "event": pa.DictionaryArray.from_arrays(
            pa.array(event.astype(np.int8), mask=none), pa.array(KINDS, pa.string())
        ),
        "similarity": pa.array(np.concatenate([reasons.similarity for reasons in part]), mask=none),
    }
    if names := explanation.nearness.names:  # Parquet knows no struct without a field
        fields["cosines"] = _struct(np.concatenate([reasons.cosines for reasons in part]), names)
    return pa.StructArray.from_arrays(list(fields.values()), list(fields), mask=pa.array(none))


def _struct(values: npt.NDArray[np.floating], names: Sequence[str]) -> pa.StructArray:
    """A field a column; NaN is null, and so is a row of nothing else."""
    unknown = np.isnan(values)
    fields = [pa.array(values[:, at], mask=unknown[:, at]) for at in range(len(names))]
    return pa.StructArray.from_arrays(fields, list(names), mask=pa.array(unknown.all(axis=1)))


def _words(part: Sequence[npt.NDArray[np.int32]], words: Sequence[str]) -> pa.ListArray:
    """Rows of positions in `words`, -1 behind the end, as lists; each word stands in the dictionary once."""
    codes = np.concatenate(part)
    there = codes >= 0
    used, position = np.unique(codes[there], return_inverse=True)
    texts = pa.array([words[code] for code in used], pa.string())
    values = pa.DictionaryArray.from_arrays(pa.array(position.astype(np.int32)), texts)
    return pa.ListArray.from_arrays(pa.array(offsets_of(there.sum(axis=1)).astype(np.int32)), values)
