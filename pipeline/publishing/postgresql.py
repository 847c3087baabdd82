"""Lists in PostgreSQL: a partition for each edition, and a pointer that moves in one transaction."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from dataset.errors import ArtefactError, ConfigurationError, ResourceError
from dataset.parameters import check_int
from pipeline.publishing.connections import (
    check_identifier,
    check_variable,
    from_environment,
    held_in_time,
    without_secrets,
)
from pipeline.publishing.lists import FinishedLists, ListBatch
from pipeline.publishing.target import Edition, Shelf

try:
    import psycopg
    from psycopg import sql
except ImportError as absent:
    raise ConfigurationError(
        "target=postgresql needs psycopg, which is not installed; install glowrank[publish]."
    ) from absent

CONNECT_SECONDS: Final = 10
DROP_WAIT: Final = "2s"  # for readers of an edition that goes; meanwhile new readers wait too
TABLES: Final = (
    "CREATE SCHEMA IF NOT EXISTS {s}",
    """CREATE TABLE {s}.runs (number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
       edition text NOT NULL UNIQUE, run_id text NOT NULL, whole boolean NOT NULL DEFAULT false,
       served integer, published_at timestamptz NOT NULL DEFAULT now())""",
    """CREATE TABLE {s}.current_run (only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
       number integer NOT NULL REFERENCES {s}.runs)""",
    """CREATE TABLE {s}.lists (number integer NOT NULL, user_id text COLLATE "C" NOT NULL,
       list jsonb NOT NULL) PARTITION BY LIST (number)""",
    """CREATE VIEW {s}.current_lists AS
       SELECT l.user_id, e.rank::integer AS rank, e.entry->>0 AS item, (e.entry->>1)::real AS score,
              e.entry->>2 AS sources
       FROM {s}.lists AS l, jsonb_array_elements(l.list) WITH ORDINALITY AS e (entry, rank)
       WHERE l.number = (SELECT number FROM {s}.current_run)""",
)


@dataclass(frozen=True, kw_only=True)
class PostgreSql:
    """A schema with the last few editions, on PostgreSQL 12 or later with a database in UTF-8.

    The shop reads the view `current_lists` (user_id, rank, item, score, sources) by
    `SELECT item, score, sources FROM glowrank.current_lists WHERE user_id = $1 ORDER BY rank`. A statement
    sees one edition and nothing of another. For a reader's own role, after the first publication:
    `GRANT USAGE ON SCHEMA glowrank TO shop; GRANT SELECT ON glowrank.current_lists TO shop`.

    Parameters
    ----------
    dsn_env : str
        Name of the environment variable that holds the connection string; it is never shown. What it leaves
        out, libpq takes from PGPASSWORD, ~/.pgpass and the like.
    schema : str
        Made if need be. Several shops take several.
    keep : int
        Editions that stay, the served one among them, at least 1; to roll back takes 2.
    """

    dsn_env: str = "GLOWRANK_POSTGRESQL"
    schema: str = "glowrank"
    keep: int = 3

    def __post_init__(self) -> None:
        check_variable(self, "dsn_env")
        check_identifier(self, "schema")
        check_int(self, "keep", low=1)

    @property
    def place(self) -> str:
        return f"schema {self.schema} of the server in {self.dsn_env}"

    @property
    def reading(self) -> str:
        view = f"{self.schema}.current_lists"
        return f"SELECT item, score, sources FROM {view} WHERE user_id = $1 ORDER BY rank"

    @contextmanager
    def opened(self) -> Iterator[Shelf]:
        dsn = from_environment(self.dsn_env, "postgresql://user:password@host/database")
        with (
            self._told(dsn),
            psycopg.connect(
                dsn,
                autocommit=True,
                application_name="glowrank publish",
                client_encoding="UTF8",
                connect_timeout=CONNECT_SECONDS,
            ) as connection,
        ):
            shelf = _PostgreSqlShelf(connection, self.schema)
            shelf.hold()
            shelf.prepare()
            yield shelf

    @contextmanager
    def _told(self, dsn: str) -> Iterator[None]:
        """Turn what the driver says into our own errors; the cause is cut off, as it may hold the secret."""
        try:
            yield
        except psycopg.errors.UniqueViolation as error:
            said = without_secrets(error, dsn)
            raise ArtefactError(f"Each user must have one list. Got: {said}; make the lists again.") from None
        except psycopg.Error as error:
            raise ResourceError(
                f"The PostgreSQL server in {self.dsn_env} must be there and take the lists. "
                f"Got: {without_secrets(error, dsn)}; what was served still is."
            ) from None


@dataclass(frozen=True)
class _PostgreSqlShelf:
    connection: psycopg.Connection[tuple[Any, ...]]
    schema: str

    def hold(self) -> None:
        """Keep other publications away; the server lets go when this connection ends."""
        ask = "SELECT pg_try_advisory_lock(hashtext('glowrank'), hashtext(%s))"
        if not held_in_time(lambda: self._run(ask, self.schema).fetchone() == (True,)):
            raise ResourceError(
                f"Schema {self.schema} must be free. Got another publication that is under way."
            )

    def prepare(self) -> None:
        """Make the tables where there are none."""
        found = self._run("SELECT to_regclass(%s)", f"{self.schema}.current_lists").fetchone()
        if found == (None,):
            with self.connection.transaction():
                for statement in TABLES:
                    self._run(statement)

    def editions(self) -> list[Edition]:
        rows = self._run("SELECT edition, whole, served FROM {s}.runs ORDER BY number")
        return [Edition(*row) for row in rows]

    def write(self, lists: FinishedLists, batches: Iterable[ListBatch]) -> None:
        """The empty partition is attached and committed first: a statement that was planned before it
        was there, and sees the pointer after it has moved, would find no lists."""
        self.remove(lists.edition)
        with suppress(psycopg.errors.UndefinedObject, psycopg.errors.InvalidParameterValue):
            self._run("SET default_toast_compression = 'lz4'")  # a third faster, from PostgreSQL 14 on
        with self.connection.transaction():
            insert = "INSERT INTO {s}.runs (edition, run_id) VALUES (%s, %s) RETURNING number"
            number = (self._run(insert, lists.edition, lists.run_id).fetchone() or (0,))[0]
            self._run("CREATE TABLE {p} (LIKE {s}.lists)", number=number)
            self._run("ALTER TABLE {s}.lists ATTACH PARTITION {p} FOR VALUES IN ({n})", number=number)
        with self.connection.transaction():
            with (
                self.connection.cursor() as cursor,
                cursor.copy(self._said("COPY {p} (number, user_id, list) FROM STDIN", number)) as copy,
            ):
                for batch in batches:
                    copy.write(_copied(batch, number))
            self._run("CREATE UNIQUE INDEX ON {p} (user_id)", number=number)
            self._run("UPDATE {s}.runs SET whole = true WHERE number = %s", number)
        self._run("ANALYZE {p}", number=number)

    def serve(self, name: str, taken_back: str | None) -> None:
        with self.connection.transaction():
            self._run("UPDATE {s}.runs SET served = NULL WHERE edition = %s", taken_back)
            if taken_back is None:
                last = "SELECT coalesce(max(served), 0) + 1 FROM {s}.runs"
                self._run(f"UPDATE {{s}}.runs SET served = ({last}) WHERE edition = %s", name)
            number = "SELECT number FROM {s}.runs WHERE edition = %s"
            move = "ON CONFLICT (only_one) DO UPDATE SET number = excluded.number"
            self._run(f"INSERT INTO {{s}}.current_run (number) {number} {move}", name)

    def retire(self, name: str) -> None:
        """Nothing to note."""

    def remove(self, name: str) -> bool:
        row = self._run("SELECT number FROM {s}.runs WHERE edition = %s", name).fetchone()
        if row is None:
            return True
        try:
            with self.connection.transaction():
                self._run(f"SET LOCAL lock_timeout = '{DROP_WAIT}'")
                self._run("DROP TABLE IF EXISTS {p}", number=row[0])
                self._run("DELETE FROM {s}.runs WHERE number = %s", row[0])
        except psycopg.errors.LockNotAvailable:
            return False
        return True

    def _run(
        self, statement: str, *values: object, number: int | None = None
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        return self.connection.execute(self._said(statement, number), values or None)

    def _said(self, statement: str, number: int | None) -> sql.Composed:
        """The statement with the schema for {s}, the partition for {p} and its number for {n}."""
        names = {
            "s": sql.Identifier(self.schema),
            "p": sql.Identifier(self.schema, f"lists_{number}"),
            "n": sql.Literal(number),
        }
        return sql.SQL(statement).format(**names)  # all are constants of ours


def _copied(batch: ListBatch, number: int) -> str:
    """The lines that COPY reads: backslashes doubled, and what would end a cell or a line escaped."""
    cells = []
    for texts in (batch.users, batch.lists):
        for odd, escaped in (("\\", r"\\"), ("\t", r"\t"), ("\n", r"\n"), ("\r", r"\r")):
            texts = pc.replace_substring(texts, odd, escaped)
        cells.append(texts)
    rows = pc.binary_join_element_wise(str(number), *cells, "\t")
    every = pa.ListArray.from_arrays(pa.array([0, len(rows)], pa.int32()), rows)
    return str(pc.binary_join(every, "\n")[0].as_py()) + "\n" if len(rows) else ""
