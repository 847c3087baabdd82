"""Codes to rows, tables to columns, percentiles."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.lookup import Lookup, code_column, gather, gather_codes, percentile_within


@given(st.sets(st.integers(0, 50)), st.lists(st.integers(0, 80)))
def test_rows_are_positions_and_unknown_codes_have_none(known: set[int], asked: list[int]) -> None:
    codes = sorted(known)
    rows = Lookup(np.array(codes, np.int32)).rows(np.array(asked, np.int32))
    assert rows.tolist() == [codes.index(code) if code in known else -1 for code in asked]


def test_row_minus_one_is_missing() -> None:
    table = np.array([[1, 2], [3, 4]], np.float32)
    rows = np.array([1, -1], np.int32)
    np.testing.assert_array_equal(gather(table, rows), [[3, 4], [np.nan, np.nan]])
    assert gather_codes(np.array([7, 8], np.int32), rows).tolist() == [8, -1]
    np.testing.assert_array_equal(code_column(np.array([2, -1], np.int32)), [2, np.nan])


def test_an_empty_table_has_nothing_but_missing_rows() -> None:
    rows = np.array([-1, -1], np.int32)
    assert np.isnan(gather(np.zeros((0, 3), np.float32), rows)).all()
    assert gather_codes(np.zeros(0, np.int32), rows).tolist() == [-1, -1]


@given(
    st.integers(0, 30).flatmap(
        lambda n: st.tuples(
            arrays(np.int32, n, elements=st.integers(0, 3)),
            arrays(np.float64, n, elements=st.sampled_from([0.0, 1.0, 2.5, np.nan])),
        )
    )
)
def test_percentile_is_the_share_below_with_ties_half(data: tuple[np.ndarray, np.ndarray]) -> None:
    group, value = data
    expected = [
        np.nan
        if np.isnan(v)
        else np.mean([float(w < v) + 0.5 * float(w == v) for w in value[(group == g) & ~np.isnan(value)]])
        for g, v in zip(group, value, strict=True)
    ]
    np.testing.assert_allclose(percentile_within(group, value), expected, rtol=1e-6)
