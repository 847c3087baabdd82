"""What became of every row, by table, by stream and by reason; the sums are checked."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dataset.cleaning.quarantine import Tally, check_share, counted_towards_share
from dataset.errors import DataContractError
from pipeline.preparation.staged import StagedPiece
from pipeline.preparation.streams import TABLES


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """Counts of a whole preparation.

    Parameters
    ----------
    streams : sequence of (str, str)
        Name and table of each stream.
    rows_in : mapping of int to int
        Rows by stream.
    unread, cells, converted : mapping of (int, str) to int
        Rows that the source could not read, cells that it emptied, cells that it repaired; by stream and
        reason.
    tally : Tally
        Rows quarantined and merged, cells changed, by steps and contracts.
    kept : mapping of int to int
        Rows published, by stream.
    added : int
        Users known from events alone.
    conflicts : mapping of str to int
        Ids of which rows say different things, by "table.column".
    """

    streams: Sequence[tuple[str, str]]
    rows_in: Mapping[int, int]
    unread: Mapping[tuple[int, str], int]
    cells: Mapping[tuple[int, str], int]
    converted: Mapping[tuple[int, str], int]
    tally: Tally
    kept: Mapping[int, int] = field(default_factory=dict)
    added: int = 0
    conflicts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of_staging(cls, streams: Sequence[tuple[str, str]], staged: Sequence[StagedPiece]) -> "Accounts":
        """What is known when everything has been read."""
        rows_in: Counter[int] = Counter()
        unread: Counter[tuple[int, str]] = Counter()
        cells: Counter[tuple[int, str]] = Counter()
        converted: Counter[tuple[int, str]] = Counter()
        tally = Tally()
        for piece in staged:
            rows_in[piece.stream] += piece.facts["rows_in"]
            for name, counter in (("unread", unread), ("cells", cells), ("converted", converted)):
                counter.update({(piece.stream, why): n for why, n in piece.facts[name].items()})
            of_piece = Tally.restored(piece.facts["tally"])
            rows = {(table, piece.stream, what, why): n for (table, _, what, why), n in of_piece.rows.items()}
            tally += Tally(rows, of_piece.cells)
        return cls(
            streams=streams, rows_in=rows_in, unread=unread, cells=cells, converted=converted, tally=tally
        )

    def check_shares(self, limit: float) -> None:
        """Raise `DataContractError` if a table loses more than `limit` of its rows."""
        for table in TABLES:
            reasons = Counter(self._unread(table)) + Counter(self.tally.total(table, "quarantined"))
            check_share(table, counted_towards_share(reasons), self._rows_in(table), limit)

    def check_left(self) -> None:
        """Raise `DataContractError` if no event is left."""
        total = self._rows_in("interactions")
        if not sum(n for at, n in self.kept.items() if self.streams[at][1] == "interactions"):
            reasons = self.tally.total("interactions", "quarantined")
            why = f", the most for: {max(reasons, key=lambda reason: reasons[reason])}" if reasons else ""
            raise DataContractError(
                f"At least one event of a known item must be left. Got {total} events and kept none{why}."
            )

    def report(self) -> dict[str, Any]:
        """Plain counts for JSON; in + added = kept + quarantined + merged, for each table and stream."""
        sources = {name: self._source(at, table) for at, (name, table) in enumerate(self.streams)}
        return {
            "tables": {table: self._table(table) for table in TABLES},
            "reasons": {table: self._reasons(table) for table in TABLES},
            "merged": {f"{t}: {why}": n for t in TABLES for why, n in self.tally.total(t, "merged").items()},
            "changed": {step: dict(cells) for step, cells in self.tally.changed().items()},
            "converted": self._by_table(self.converted),
            "conflicts": dict(self.conflicts),
            "sources": sources,
        }

    def _table(self, table: str) -> dict[str, int]:
        mine = [at for at, (_, name) in enumerate(self.streams) if name == table]
        added = self.added if table == "users" else 0
        counts = {
            "in": self._rows_in(table),
            "added": added,
            "kept": sum(self.kept.get(at, 0) for at in mine) + added,
            "quarantined": sum(self._unread(table).values())
            + sum(self.tally.total(table, "quarantined").values()),
            "merged": sum(self.tally.total(table, "merged").values()),
            "cells": sum(n for (at, _), n in self.cells.items() if at in mine),
        }
        _check(table, counts)
        return counts

    def _source(self, at: int, table: str) -> dict[str, Any]:
        rows = {
            outcome: {
                why: n for (_, stream, what, why), n in sorted(self.tally.rows.items())
                if (stream, what) == (at, outcome)
            }
            for outcome in ("quarantined", "merged")
        }  # fmt: skip
        rows["quarantined"] |= {why: n for (stream, why), n in sorted(self.unread.items()) if stream == at}
        counts = {
            "in": self.rows_in.get(at, 0),
            "added": 0,
            "kept": self.kept.get(at, 0),
            "quarantined": sum(rows["quarantined"].values()),
            "merged": sum(rows["merged"].values()),
        }
        _check(self.streams[at][0], counts)
        return {"table": table, **counts, "reasons": rows["quarantined"], "merges": rows["merged"]}

    def _reasons(self, table: str) -> dict[str, int]:
        mine = Counter(self._unread(table))
        mine += Counter(self.tally.total(table, "quarantined"))
        for (at, why), n in self.cells.items():
            mine[why] += n if self.streams[at][1] == table else 0
        return {why: n for why, n in sorted(mine.items()) if n}

    def _by_table(self, counts: Mapping[tuple[int, str], int]) -> dict[str, dict[str, int]]:
        found: dict[str, Counter[str]] = {table: Counter() for table in TABLES}
        for (at, how), n in sorted(counts.items(), key=lambda entry: entry[0][1]):
            found[self.streams[at][1]][how] += n
        return {table: dict(counter) for table, counter in found.items()}

    def _rows_in(self, table: str) -> int:
        return sum(n for at, n in self.rows_in.items() if self.streams[at][1] == table)

    def _unread(self, table: str) -> Mapping[str, int]:
        return self._by_table(self.unread)[table]


def _check(what: str, counts: Mapping[str, int]) -> None:
    unexplained = counts["in"] + counts["added"] - counts["kept"] - counts["quarantined"] - counts["merged"]
    assert unexplained == 0, (what, counts)
