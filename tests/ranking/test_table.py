import numpy as np
import pytest

from dataset.errors import DataContractError
from dataset.feature_matrix import FeatureMatrix
from ranking.table import RankingTable
from tests.contracts import rows


def test_tables_are_joined_query_by_query():
    tables = [rows.table(0, m=3, size=2), rows.empty_table(), rows.table(1, m=2, size=5)]
    joined = RankingTable.concatenate(tables)
    assert joined.offsets.tolist() == [0, 2, 4, 6, 11, 16]
    assert joined.offsets.dtype == np.int64
    assert (joined.features.names, joined.features.categorical) == (rows.NAMES, rows.CATEGORICAL)
    np.testing.assert_array_equal(joined.features.values[:6], tables[0].features.values)
    np.testing.assert_array_equal(joined.features.values[6:], tables[2].features.values)
    np.testing.assert_array_equal(joined.grade, np.concatenate([table.grade for table in tables]))
    assert joined.grade.dtype == np.int8


def test_one_table_is_itself():
    table = rows.table(0, m=3)
    np.testing.assert_array_equal(RankingTable.concatenate([table]).offsets, table.offsets)


@pytest.mark.parametrize("names", [rows.NAMES[::-1], (*rows.NAMES[:-1], "item.other")])
def test_other_columns_are_refused(names):
    table = rows.table(0, m=3)
    other = RankingTable(table.offsets, FeatureMatrix(table.features.values, names), table.grade)
    with pytest.raises(DataContractError, match=r"the same columns in one order\. Got 2 layouts"):
        RankingTable.concatenate([table, other])


def test_a_table_comes_back_from_disk(tmp_path):
    table = rows.table(0, m=3)
    table.save(tmp_path)
    loaded = RankingTable.load(tmp_path)
    assert loaded.features.names == table.features.names
    np.testing.assert_array_equal(loaded.features.values, table.features.values)
    np.testing.assert_array_equal(loaded.grade, table.grade)
