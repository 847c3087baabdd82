"""Databases: SQLite, and a PostgreSQL server of our own; incremental, read-only, and silent about secrets."""

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataset.errors import ConfigurationError, DataContractError, ResourceError
from dataset.reading import sql as sql_module
from dataset.reading.reader import Piece
from dataset.reading.sql import SqlRows
from tests.end_to_end import servers

TEXTS = st.lists(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=9), max_size=5
)
QUOTED = "s3cr3t-%25%2F%3Aword"
Execute = Callable[..., None]


def rows(source: SqlRows, pieces: Any = None) -> list[list[Any]]:
    listed = source.pieces() if pieces is None else pieces
    return pd.concat([chunk for piece in listed for chunk in source.chunks(piece)]).to_numpy().tolist()


def orders(**options: Any) -> SqlRows:
    columns = options.pop("columns", ("who", "sku"))
    plain = {"table": "orders", "columns": columns, "as_text": columns, "watermark": "n"}
    return SqlRows(label="orders", url="SHOP", **{**plain, **options})


class DatabaseContract:
    """What both databases keep; a subclass gives `execute`."""

    @pytest.fixture
    def execute(self) -> Execute:
        raise NotImplementedError

    @pytest.fixture
    def filled(self, execute):
        execute("CREATE TABLE orders (n integer, who text, sku text, price numeric, at timestamp)")
        execute("INSERT INTO orders VALUES (1,'00123','1e5',1.5,'2023-01-01'),(2,'é','x''y',2,'2023-01-02')")
        return execute

    def test_what_lies_beyond_the_watermark_is_a_further_piece(self, filled):
        first = orders().pieces()
        assert rows(orders(), first) == [["00123", "1e5"], ["é", "x'y"]]
        assert orders().pieces(first) == first
        filled("INSERT INTO orders VALUES (7,'b','y',3,'2023-02-01')")
        second = orders().pieces([Piece(one.name, one.digest, dict(one.state)) for one in first])
        assert second[:1] == first
        assert rows(orders(), second[1:]) == [["b", "y"]]
        filled("INSERT INTO orders VALUES (5,'late','y',3,'2023-02-01')")
        third = orders().pieces(second)
        assert third[0] == second[0]
        assert third[1] != second[1]
        assert sorted(rows(orders(), third[1:])) == [["b", "y"], ["late", "y"]]
        filled("DELETE FROM orders WHERE n = 1")
        assert sorted(rows(orders(), orders().pieces(third))) == [["b", "y"], ["late", "y"], ["é", "x'y"]]

    def test_rows_without_a_watermark_value_are_read_once(self, filled):
        filled("DELETE FROM orders")
        empty = orders().pieces()
        assert rows(orders(), empty) == []
        filled("INSERT INTO orders (who, sku) VALUES ('a', 'x')")
        alone = orders().pieces(empty)
        assert rows(orders(), alone) == [["a", "x"]]
        filled("INSERT INTO orders (n, who, sku) VALUES (1, 'b', 'y')")
        both = orders().pieces(alone)
        assert sorted(rows(orders(), both)) == [["a", "x"], ["b", "y"]]
        assert orders().pieces(both) == both

    def test_without_a_watermark_the_result_is_one_piece(self, filled):
        source = orders(watermark=None)
        first = source.pieces()
        assert source.pieces(first) == first
        filled("UPDATE orders SET sku = 'z' WHERE n = 1")
        with pytest.raises(DataContractError, match="must not change while it is read"):
            rows(source, first)
        assert source.pieces(first)[0].digest != first[0].digest

    def test_the_order_of_rows_does_not_make_another_piece(self, filled):
        plain = orders(watermark=None, table=None, query="SELECT * FROM orders ORDER BY n")
        turned = orders(watermark=None, table=None, query="SELECT * FROM orders ORDER BY n DESC")
        assert plain.pieces()[0].digest == turned.pieces()[0].digest

    def test_rows_that_contradict_come_in_one_order_wherever_they_lie(self, filled):
        filled("CREATE TABLE others (n integer, who text, sku text, price numeric)")
        for price in (3, 1, 2):
            filled(f"INSERT INTO others VALUES (1, 'u', 'x', {price})")
            filled(f"INSERT INTO orders VALUES (9, 'u', 'x', {4 - price}, '2023-01-01')")
        columns, query = ("who", "price"), "SELECT * FROM {} WHERE who = 'u'"
        read = [
            rows(orders(table=None, query=query.format(name), columns=columns, order=("who",), watermark="n"))
            for name in ("orders", "others")
        ]
        filled("DROP TABLE others")
        assert [float(row[1]) for row in read[0]] == [1, 2, 3]
        assert [float(row[1]) for row in read[1]] == [1, 2, 3]

    def test_a_query_with_colons_and_percent_signs(self, filled):
        query = "SELECT who, 'a:b' AS sku, n FROM orders WHERE who LIKE '001%' AND 'x:y' = 'x:y';"
        assert rows(orders(table=None, query=query)) == [["00123", "a:b"]]

    def test_small_chunks(self, filled, monkeypatch):
        monkeypatch.setattr(sql_module, "FETCH_ROWS", 3)
        for at in range(10, 30):
            filled(f"INSERT INTO orders VALUES ({at},'u{at}','x',1,'2023-01-01')")
        source = orders(order=("who",), chunk_rows=4)
        chunks = [chunk for piece in source.pieces() for chunk in source.chunks(piece)]
        assert [len(chunk) for chunk in chunks] == [4, 4, 4, 4, 4, 2]
        assert pd.concat(chunks)["who"].is_unique

    def test_numbers_as_numbers_or_as_text(self, filled):
        filled("INSERT INTO orders (n, who, price) VALUES (3, 'u', NULL)")
        read = orders(columns=("price", "n"), as_text=("n",))
        frame = next(read.chunks(read.pieces()[0]))
        assert frame["n"].tolist() == ["1", "2", "3"]
        assert frame["price"].fillna(-1).tolist() == [1.5, 2.0, -1.0]

    def test_writing_is_refused(self, filled):
        with pytest.raises(DataContractError, match="The database said"):
            rows(orders(table=None, query="DELETE FROM orders RETURNING who, sku, n"))
        assert len(rows(orders())) == 2

    def test_what_is_not_there_is_named(self, filled):
        with pytest.raises(DataContractError, match=r"orders must be a table .* columns who, nope"):
            rows(orders(columns=("who", "nope")))
        with pytest.raises(DataContractError, match="The database said"):
            rows(orders(table="absent"))

    def any_text_comes_back(self, filled, texts):
        filled("DELETE FROM orders")
        for at, text in enumerate(texts):
            filled("INSERT INTO orders (n, who, sku) VALUES (?, ?, ?)", at, text, text)
        assert rows(orders(order=("n",))) == [[text, text] for text in texts]


class TestSqlite(DatabaseContract):
    @pytest.fixture
    def execute(self, tmp_path, monkeypatch) -> Iterator[Execute]:
        monkeypatch.setenv("SHOP", f"sqlite:///{tmp_path}/shop.db")
        with sqlite3.connect(tmp_path / "shop.db", isolation_level=None) as connection:
            yield lambda statement, *values: connection.execute(statement, values).close()
        connection.close()

    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(texts=TEXTS)
    def test_any_text_comes_back(self, filled, texts):
        self.any_text_comes_back(filled, texts)

    def test_no_empty_database_is_made(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SHOP", f"sqlite:///{tmp_path}/absent.db")
        with pytest.raises(ResourceError, match="no such SQLite file"):
            orders().pieces()
        assert not (tmp_path / "absent.db").exists()

    def test_a_fraction_is_no_id(self, filled):
        filled("INSERT INTO orders VALUES (3, 1, 'x', 1, '2023')")
        filled("CREATE TABLE other (n integer, who real, sku blob)")
        filled("INSERT INTO other VALUES (1, 1.5, 'x')")
        with pytest.raises(DataContractError, match="Column who must be text or whole"):
            rows(orders(table="other"))


class TestPostgreSql(DatabaseContract):
    @pytest.fixture(scope="class")
    @classmethod
    def server(cls):
        with servers.postgresql() as server:
            yield server

    @pytest.fixture
    def execute(self, server, monkeypatch) -> Iterator[Execute]:
        import psycopg

        folder = server.address.split()[0].removeprefix("host=")
        monkeypatch.setenv("SHOP", f"postgresql+psycopg://shop@/postgres?host={folder}")
        with psycopg.connect(server.address, autocommit=True) as connection:
            yield lambda statement, *values: connection.execute(statement.replace("?", "%s"), values or None)
            connection.execute("DROP TABLE IF EXISTS orders")

    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(texts=TEXTS)
    def test_any_text_comes_back(self, filled, texts):
        self.any_text_comes_back(filled, texts)

    def test_moments_keep_their_instant(self, filled):
        filled("ALTER TABLE orders ADD zoned timestamptz, ADD words text[]")
        filled("UPDATE orders SET zoned = '2023-07-01 12:00+02', words = ARRAY['a','b'] WHERE n = 1")
        columns = ("at", "zoned", "words")
        source = orders(columns=columns, as_text=("words",), watermark="at", order=("n",))
        pieces = [Piece(one.name, one.digest, dict(one.state)) for one in source.pieces()]
        frame = next(source.chunks(pieces[0]))
        assert str(frame["zoned"].iloc[0]) == "2023-07-01 10:00:00+00:00"
        assert frame["at"].iloc[1] == pd.Timestamp("2023-01-02")
        assert frame["words"].tolist() == [["a", "b"], []]
        assert source.pieces(pieces) == pieces

    def test_moments_beyond_the_calendar_of_python_spoil_no_table(self, filled):
        filled("ALTER TABLE orders ADD zoned timestamptz, ADD day date")
        filled("SET TIME ZONE 'Asia/Tokyo'")
        filled("ALTER ROLE shop SET TIME ZONE 'Asia/Tokyo'")
        beyond = [
            ("infinity", "-infinity"),
            ("20000-01-01", "0044-03-15 BC"),
            ("9999-12-31 23:59:59+00", "2000-01-01"),
        ]
        for at, (late, early) in enumerate(beyond):
            filled("INSERT INTO orders (n, who, at, zoned) VALUES (?, '', ?, ?)", 10 + at, early, late)
        frame = pd.DataFrame(rows(orders(columns=("at", "zoned"), as_text=(), order=("n",))))
        assert frame[0].dt.year.tolist() == [2023, 2023, 1, 1, 2000]
        assert frame[1].dt.year.tolist()[2:] == [9999] * 3
        with pytest.raises(
            DataContractError, match="watermark of orders must be a moment before the year 9999"
        ):
            orders(watermark="zoned").pieces()
        filled("ALTER ROLE shop RESET TIME ZONE")


@pytest.mark.parametrize(
    ("address", "error"),
    [
        (f"postgresql+psycopg://shop:{QUOTED}@127.0.0.1:1/shop", ResourceError),
        (f"postgresql+psycopg://shop:{QUOTED}@127.0.0.1:port/shop", ConfigurationError),
        (f"oracledb+nope://shop:{QUOTED}@127.0.0.1/shop", ConfigurationError),
        (f"shop:{QUOTED}", ConfigurationError),
        (f"postgresql+psycopg://shop@127.0.0.1:1/shop?password={QUOTED}&no={QUOTED}", ResourceError),
        ("", ConfigurationError),
    ],
)
def test_no_error_shows_a_secret(monkeypatch, address, error):
    monkeypatch.setenv("SHOP", address)
    with pytest.raises(error, match="SHOP") as caught:
        orders().pieces()
    chain, said = caught.value, ""
    while chain is not None and not chain.__suppress_context__:
        said, chain = said + str(chain), chain.__cause__ or chain.__context__
    said += str(caught.value)
    assert "s3cr3t" not in said
    assert "\n" not in str(caught.value)


def test_a_missing_library_is_named(monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "sqlalchemy":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigurationError, match=r"pip install 'glowrank\[sql\]'"):
        orders().pieces()
