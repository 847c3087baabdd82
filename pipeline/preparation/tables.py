"""Users and items: whole in memory, one row an id, through their steps of cleaning."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd

from dataset.cleaning.cleaning import Cleaning
from dataset.cleaning.quarantine import HIDDEN, Tally
from dataset.cleaning.references import References
from dataset.cleaning.settling import left_out, reconcile, settle, survey
from dataset.cleaning.step import STREAM
from dataset.contracts import LISTS
from dataset.sources.files import rejects
from pipeline.preparation.frames import read_frame, write_frame
from pipeline.preparation.staged import KEYS, StagedPiece
from pipeline.preparation.store import Entry

UNJOINED: Final = "no row of another stream names it"


@dataclass(frozen=True)
class SettledTable:
    """Users or items as they will be published, but for users who are known from events alone.

    Parameters
    ----------
    entry : Entry
        `rows.parquet`, ordered by id; `taken.parquet`; `facts.json`.
    """

    entry: Entry

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """`tally`, `conflicts`, `kept` by stream, ids `lost`, and those of them that were `left_out`."""
        facts: Mapping[str, Any] = json.loads(self.entry.file("facts.json").read_text(encoding="utf-8"))
        return facts

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The rows."""
        return read_frame(self.entry.file("rows.parquet"))

    def taken(self) -> pd.DataFrame:
        """What steps took out, with the position of the stream."""
        return read_frame(self.entry.file("taken.parquet"))


def settle_table(table: str, pieces: Sequence[StagedPiece], cleaning: Cleaning, folder: Path) -> None:
    """Write the files of a `SettledTable`.

    Parameters
    ----------
    table : str
        users or items.
    pieces : sequence of StagedPiece
        Of this table, in the order of their streams.
    cleaning : Cleaning
    folder : Path
    """
    key = KEYS[table]
    frame = _together(table, [_told(piece) for piece in pieces])
    joining = {piece.stream for piece in pieces if piece.facts["joins"]}
    frame, tally, taken = _joined(table, frame, joining)
    one = reconcile(table, frame, cleaning)
    done = settle(table, one.frame, cleaning, survey(table, one.frame, cleaning))
    kept = done.frame.sort_values(key)
    hidden = [name for name in HIDDEN if name in kept]
    facts = {
        "tally": (tally + one.tally + done.tally).plain(),
        "conflicts": {f"{table}.{name}": n for name, n in one.conflicts.items()},
        "kept": {str(at): int(n) for at, n in kept[STREAM].value_counts().sort_index().items()},
        "lost": sorted(set(frame[key]).difference(kept[key])),
        "left_out": sorted(set(left_out(table, done.taken))),
    }
    write_frame(kept.drop(columns=hidden).reset_index(drop=True), folder / "rows.parquet")
    write_frame(pd.concat([taken, one.taken, done.taken], ignore_index=True), folder / "taken.parquet")
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def references_of(users: SettledTable, items: SettledTable, staged: Sequence[StagedPiece]) -> References:
    """What events may refer to."""
    settled = {"users": users, "items": items}
    lost = {table: [*one.facts["lost"]] for table, one in settled.items()}
    for piece in staged:
        if piece.facts["table"] in lost:
            lost[piece.facts["table"]] += piece.facts["lost"]
    return References.of(
        {table: one.rows[KEYS[table]] for table, one in settled.items()},
        {table: pd.Series(sorted(set(ids)), dtype="str") for table, ids in lost.items()},
        {table: pd.Series(one.facts["left_out"], dtype="str") for table, one in settled.items()},
    )


def with_missing(users: pd.DataFrame, seen: Sequence[str]) -> pd.DataFrame:
    """`users` and, without attributes, those named in `seen`, ordered by id."""
    if not len(seen):
        return users
    more = pd.concat([users, pd.DataFrame({"user": pd.Series(list(seen), dtype="str")})], ignore_index=True)
    return _lists_filled(more.astype({"user": "str"})).sort_values("user", ignore_index=True)


def _told(piece: StagedPiece) -> pd.DataFrame:
    """The rows of a piece; whether a product is in stock is open where its stream does not say."""
    frame = piece.rows()
    if "in_stock" in frame and "in_stock" not in piece.facts["gives"]:
        frame["in_stock"] = pd.Series(pd.NA, index=frame.index, dtype="boolean")
    return frame


def _together(table: str, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All rows in the order of the streams; lists that a stream does not have are empty."""
    if not frames:
        columns = {KEYS[table]: pd.Series([], dtype="str"), STREAM: pd.Series([], dtype="int64")}
        return pd.DataFrame(columns)
    return _lists_filled(pd.concat(frames, ignore_index=True))


def _lists_filled(frame: pd.DataFrame) -> pd.DataFrame:
    lists = [name for name in LISTS if name in frame]
    blank = {name: frame[name].map(lambda cell: cell if isinstance(cell, list) else []) for name in lists}
    return frame.assign(**{name: cells.astype(object) for name, cells in blank.items()})


def _joined(
    table: str, frame: pd.DataFrame, joining: Collection[int]
) -> tuple[pd.DataFrame, Tally, pd.DataFrame]:
    """The rows without those that only add to a row of another stream, where there is none to add to."""
    key, adds = KEYS[table], frame[STREAM].isin(list(joining))
    alone = adds & ~frame[key].isin(frame.loc[~adds, key]) if joining else adds
    rows = frame[alone]
    hidden = [name for name in HIDDEN if name in frame]
    why = pd.Series(UNJOINED, index=rows.index, dtype="str")
    taken = rejects(table, "row", UNJOINED, rows.drop(columns=hidden))
    taken[STREAM] = rows[STREAM].to_numpy("int64")
    return frame[~alone], Tally.of(table, "quarantined", frame, why), taken
