"""Lists in one SQLite file, which needs no server."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dataset.errors import ArtefactError, ConfigurationError, ParameterError, ResourceError
from dataset.parameters import check_int
from pipeline.locks import held
from pipeline.publishing.lists import FinishedLists, ListBatch
from pipeline.publishing.target import Edition, Shelf

APPLICATION: Final = 0x676C6F77  # "glow", in the file's header: a file of ours
WAIT_SECONDS: Final = 10.0
CACHE_KIB: Final = 32_768  # users come in no order; else pages of the index are written again and again
# Ids are texts, whatever they look like; a unique index finds the list of a user.
TABLES: Final = (
    """CREATE TABLE runs (number INTEGER PRIMARY KEY AUTOINCREMENT, edition TEXT NOT NULL UNIQUE,
       run_id TEXT NOT NULL, served INTEGER, published_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)""",
    """CREATE TABLE current_run (only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
       number INTEGER NOT NULL)""",
    "CREATE TABLE lists (number INTEGER NOT NULL, user_id TEXT NOT NULL, list TEXT NOT NULL)",
    "CREATE UNIQUE INDEX lists_by_user ON lists (number, user_id)",
    """CREATE VIEW current_lists AS
       SELECT l.user_id AS user_id, e.key + 1 AS rank, json_extract(e.value, '$[0]') AS item,
              json_extract(e.value, '$[1]') AS score, json_extract(e.value, '$[2]') AS sources
       FROM lists AS l, json_each(l.list) AS e WHERE l.number = (SELECT number FROM current_run)""",
)


@dataclass(frozen=True, kw_only=True)
class Sqlite:
    """One file with the last few editions.

    The shop opens it and reads the view `current_lists` (user_id, rank, item, score, sources) by
    `SELECT item, score, sources FROM current_lists WHERE user_id = ? ORDER BY rank`. Readers and the
    publication do not wait for one another (write-ahead log), so the file must lie on a local disk and a
    reader must be allowed to write into its folder. A statement sees one edition and nothing of another.

    Parameters
    ----------
    path : str
        Made if need be.
    keep : int
        Editions that stay, the served one among them, at least 1; to roll back takes 2.
    """

    path: str
    keep: int = 3

    def __post_init__(self) -> None:
        if not isinstance(self.path, str) or not self.path:
            raise ParameterError(type(self).__name__, "path", "the path of a file", self.path)
        check_int(self, "keep", low=1)

    @property
    def place(self) -> str:
        return self.path

    @property
    def reading(self) -> str:
        return "SELECT item, score, sources FROM current_lists WHERE user_id = ? ORDER BY rank"

    @contextmanager
    def opened(self) -> Iterator[Shelf]:
        path = Path(self.path)
        with _told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with (
                held(path.with_name(f"{path.name}.lock")),
                closing(sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)) as connection,
            ):
                _prepare(connection, path)
                yield _SqliteShelf(connection)


@dataclass(frozen=True)
class _SqliteShelf:
    connection: sqlite3.Connection

    def editions(self) -> list[Edition]:
        rows = self.connection.execute("SELECT edition, served FROM runs ORDER BY number")
        return [Edition(name, True, served) for name, served in rows]

    def write(self, lists: FinishedLists, batches: Iterable[ListBatch]) -> None:
        with _transaction(self.connection) as run:
            number = run("INSERT INTO runs (edition, run_id) VALUES (?, ?)", lists.edition, lists.run_id)
            for batch in batches:
                rows = zip(batch.users.to_pylist(), batch.lists.to_pylist(), strict=True)
                self.connection.executemany(
                    "INSERT INTO lists VALUES (?, ?, ?)", ((number, user, text) for user, text in rows)
                )

    def serve(self, name: str, taken_back: str | None) -> None:
        with _transaction(self.connection) as run:
            run("UPDATE runs SET served = NULL WHERE edition = ?", taken_back)
            if taken_back is None:
                last = "SELECT coalesce(max(served), 0) + 1 FROM runs"
                run(f"UPDATE runs SET served = ({last}) WHERE edition = ?", name)
            number = "SELECT number FROM runs WHERE edition = ?"
            run(f"INSERT OR REPLACE INTO current_run VALUES (1, ({number}))", name)

    def retire(self, name: str) -> None:
        """Nothing to note."""

    def remove(self, name: str) -> bool:
        with _transaction(self.connection) as run:
            run("DELETE FROM lists WHERE number = (SELECT number FROM runs WHERE edition = ?)", name)
            run("DELETE FROM runs WHERE edition = ?", name)
        return True


class _Run:
    """Statements of one transaction; each gives the number of the row that it has inserted last."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __call__(self, statement: str, *values: str | None) -> int:
        return self._connection.execute(statement, values).lastrowid or 0


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[_Run]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield _Run(connection)
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables in a new file; refuse a file of somebody else."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
            raise ConfigurationError(f"{path} must be new or hold published lists. Got another database.")
        connection.execute("PRAGMA journal_mode = WAL")
        with _transaction(connection) as run:
            for statement in TABLES:
                run(statement)
            run(f"PRAGMA application_id = {APPLICATION}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into our own errors."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise ArtefactError(f"Each user must have one list. Got: {error}; make the lists again.") from error
    except sqlite3.OperationalError as error:
        raise ResourceError(
            f"{path} must be a file that can be written. Got: {error}; what was served still is."
        ) from error
    except sqlite3.DatabaseError as error:
        raise ConfigurationError(f"{path} must be new or hold published lists. Got: {error}.") from error
