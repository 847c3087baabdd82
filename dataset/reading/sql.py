"""Tables and queries of a database, read in chunks, inside one transaction that cannot write.

PostgreSQL and SQLite are tested; SQLAlchemy knows more.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import MAXYEAR, date
from pathlib import Path
from typing import Any, Final

import pandas as pd

from dataset.errors import ConfigurationError, DataContractError, ResourceError
from dataset.reading.connection_strings import from_environment, without_secrets
from dataset.reading.reader import CHUNK_ROWS, Piece
from dataset.reading.sql_cells import column_of, digest_text, from_json, to_json, without_calendar

FETCH_ROWS: Final = 20_000
"""Rows that a server hands over at a time; memory only."""
CONNECT_SECONDS: Final = 10
_MODULUS: Final = 2**256
_COLON: Final = re.compile(r"(?<!:):(?=\w)")


@dataclass(frozen=True, kw_only=True)
class SqlRows:
    """Rows of one table or query.

    Parameters
    ----------
    label : str
        What it is called in a report.
    url : str
        Name of the environment variable that holds the connection string; it is never shown.
    columns : sequence of str
        Those to read.
    as_text : collection of str
        Columns whose cells become text, "" where missing.
    table : str or None
        A table or view, `schema.table` if need be; or else:
    query : str or None
        A statement that selects.
    watermark : str or None
        Column that never falls from one row to the next that is written, such as a number of the row or the
        moment of its last change. Later runs then read only what lies beyond; rows below that vanish or come
        late are noticed by their number, and their range is read again. None: everything is read each time.
    order : sequence of str
        Columns to sort by, where the order of rows matters: of two that contradict, the last wins. The
        watermark goes before them, the text of the other columns after, so that no order is left open.
    chunk_rows : int
        Rows of a chunk at most; changes memory only.
    """

    label: str
    url: str
    columns: Sequence[str]
    as_text: Collection[str]
    table: str | None = None
    query: str | None = None
    watermark: str | None = None
    order: Sequence[str] = ()
    chunk_rows: int = CHUNK_ROWS

    def pieces(self, known: Sequence[Piece] = ()) -> Sequence[Piece]:
        """See `Reader.pieces`: with a watermark, what lies beyond the last one is a further piece.

        Raises
        ------
        ConfigurationError
            If there is no connection string, or none that SQLAlchemy understands.
        DataContractError
            If the database does not have the table, or a column of it.
        ResourceError
            If the database cannot be reached.
        """
        own = [piece for piece in known if piece.state.get("statement") == self._statement()]
        with self._connected() as connection:
            if self.watermark is None:
                return [self._piece(connection, None, None)]
            high = connection.execute(self._highest()).scalar()
            if isinstance(high, date) and high.year == MAXYEAR:  # rows beyond it would never be read
                raise DataContractError(
                    f"The watermark of {self.label} must be a moment before the year {MAXYEAR}. Got {high}."
                )
            held: list[Piece] = []
            low: Any = None
            for piece in own:
                state = piece.state
                until = from_json(state["high"])
                follows = from_json(state["low"]) == low and (until is not None or high is None)
                if not follows or self._count(connection, low, until) != state["rows"]:
                    break
                held.append(piece)
                low = until
            if not held or high != low:
                held.append(self._piece(connection, low, high))
            return held

    def chunks(self, piece: Piece) -> Iterator[pd.DataFrame]:
        """See `Reader.chunks`.

        Raises
        ------
        ConfigurationError, ResourceError
            As for `pieces`.
        DataContractError
            If the rows are no longer those of the piece.
        """
        low, high = from_json(piece.state["low"]), from_json(piece.state["high"])
        total = n_rows = 0
        rows: list[Any] = []
        with self._connected() as connection:
            for batch in self._batches(connection, low, high):
                total += _sum(batch)
                n_rows += len(batch)
                rows += batch
                while len(rows) >= self.chunk_rows:
                    yield self._frame(rows[: self.chunk_rows])
                    rows = rows[self.chunk_rows :]
        if rows or not n_rows:
            yield self._frame(rows)
        if self._digest(total, n_rows) != piece.digest:
            raise DataContractError(
                f"{self.label} must not change while it is read. It did: run again, or name a watermark."
            )

    def _piece(self, connection: Any, low: Any, high: Any) -> Piece:
        total = n_rows = 0
        for batch in self._batches(connection, low, high):
            total += _sum(batch)
            n_rows += len(batch)
        state = {"statement": self._statement(), "low": to_json(low), "high": to_json(high), "rows": n_rows}
        span = "" if self.watermark is None else f" ({_mark(low)}; {_mark(high)}]"
        return Piece(f"{self.label}{span}", self._digest(total, n_rows), state)

    def _digest(self, total: int, n_rows: int) -> str:
        """Of the rows whatever their order, which a server is free to change."""
        text = json.dumps([list(self.columns), n_rows, f"{total % _MODULUS:x}"])
        return hashlib.sha256(text.encode()).hexdigest()

    def _statement(self) -> str:
        parts = [self.url, self.table, self.query, self.watermark, list(self.columns), list(self.order)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def _frame(self, rows: Sequence[Any]) -> pd.DataFrame:
        cells = zip(*rows, strict=True) if rows else [()] * len(self._wanted())
        columns = zip(self._wanted(), cells, strict=True)
        return pd.DataFrame({n: column_of(n, c, as_text=n in self.as_text) for n, c in columns})

    def _wanted(self) -> list[str]:
        return list(dict.fromkeys(self.columns))

    def _batches(self, connection: Any, low: Any, high: Any) -> Iterator[list[Any]]:
        sql = _sqlalchemy()
        source = self._source()
        statement = sql.select(*(source.c[name] for name in self._wanted())).select_from(source)
        statement = self._within(statement, source, low, high)
        if self.order:
            first = list(dict.fromkeys([*([self.watermark] if self.watermark else []), *self.order]))
            rest = (sql.cast(source.c[name], sql.Text) for name in self._wanted() if name not in first)
            statement = statement.order_by(*(source.c[name] for name in first), *rest)
        options = {"stream_results": True, "yield_per": FETCH_ROWS}
        yield from connection.execute(statement, execution_options=options).partitions()

    def _within(self, statement: Any, source: Any, low: Any, high: Any) -> Any:
        """Rows of a range of the watermark; those without one belong to the first."""
        if self.watermark is None:
            return statement
        mark = source.c[self.watermark]
        if low is not None:
            return statement.where(mark > low, mark <= high)
        return statement.where(mark.is_(None) if high is None else (mark <= high) | mark.is_(None))

    def _count(self, connection: Any, low: Any, high: Any) -> int:
        sql = _sqlalchemy()
        source = self._source()
        statement = sql.select(sql.func.count()).select_from(source)
        return int(connection.execute(self._within(statement, source, low, high)).scalar())

    def _highest(self) -> Any:
        sql = _sqlalchemy()
        source = self._source()
        return sql.select(sql.func.max(source.c[self.watermark])).select_from(source)

    def _source(self) -> Any:
        sql = _sqlalchemy()
        names = dict.fromkeys([*self.columns, *self.order, *([self.watermark] if self.watermark else [])])
        columns = [sql.column(name) for name in names]
        if self.table is not None:
            schema, _, table = self.table.rpartition(".")
            return sql.table(table, *columns, schema=schema or None)
        text = _COLON.sub(r"\\:", (self.query or "").strip().rstrip(";"))
        return sql.text(text).columns(*columns).subquery("rows_asked_for")

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """One connection, in one transaction that sees one moment and cannot write."""
        sql = _sqlalchemy()
        url = from_environment(self.url)
        try:
            engine = sql.create_engine(
                url, poolclass=sql.NullPool, hide_parameters=True, connect_args=_arguments(sql, url, self.url)
            )
        except (sql.exc.ArgumentError, ImportError, ValueError) as error:
            absent = isinstance(error, sql.exc.NoSuchModuleError | ImportError)
            reason = without_secrets(str(error), url) if absent else "it cannot be parsed"
            raise ConfigurationError(
                f"{self.url} must hold a connection string such as postgresql+psycopg://reader@host/shop, "
                f"and its driver be installed (pip install 'glowrank[sql]'). Got another: {reason}."
            ) from None  # the cause may show parts of it
        try:
            with engine.connect() as connection:
                yield _read_only(sql, connection)
        except sql.exc.SQLAlchemyError as error:
            raise self._said(sql, error, url) from None
        finally:
            engine.dispose()

    def _said(self, sql: Any, error: Any, url: str) -> Exception:
        reason = without_secrets(str(getattr(error, "orig", None) or error), url)
        database = isinstance(error, sql.exc.DBAPIError)
        if database and (error.connection_invalidated or error.statement is None):  # lost, or never had
            return ResourceError(f"The database in {self.url} must be reachable. It is not: {reason}.")
        return DataContractError(
            f"{self.label} must be a table or query with the columns {', '.join(self._wanted())}. "
            f"The database said: {reason}."
        )


def _sum(rows: Sequence[Any]) -> int:
    return sum(int.from_bytes(hashlib.sha256(digest_text(row)).digest()) for row in rows)


def _mark(value: Any) -> str:
    return "" if value is None else str(value)


def _arguments(sql: Any, url: str, variable: str) -> dict[str, Any]:
    parsed = sql.make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return {"connect_timeout": CONNECT_SECONDS}
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        # SQLite would make an empty one.
        raise ResourceError(f"The database in {variable} must be reachable. There is no such SQLite file.")
    return {}


def _read_only(sql: Any, connection: Any) -> Any:
    if connection.dialect.name == "postgresql":
        if connection.dialect.driver == "psycopg":
            without_calendar(connection.connection.dbapi_connection, connection.dialect.dbapi)
        return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.exec_driver_sql("BEGIN")
    return connection


def _sqlalchemy() -> Any:
    """SQLAlchemy, imported when a database is read; an extra, as most shops bring files."""
    try:
        import sqlalchemy
    except ImportError as error:
        raise ConfigurationError(
            "Reading a database needs SQLAlchemy, which is not installed: pip install 'glowrank[sql]'."
        ) from error
    return sqlalchemy
