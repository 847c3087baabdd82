"""The tables of streams, read whole."""

from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd

from dataset.canonical import Tables, no_rejects
from dataset.contracts import LISTS
from dataset.sources.files import rejects
from dataset.sources.stream import Mapped, Stream

UNJOINED: Final = "no row of another stream names it"
"""Reason of a row that only adds to users or items, where there is none to add to."""
_KEYS: Final = {"users": "user", "items": "item"}


def whole_tables(streams: Sequence[Stream]) -> Tables:
    """All rows of all streams, one below the other in their order.

    What only adds to rows of other streams is among them, as rows of the same id: cleaning brings them to
    one. Where a stream does not say whether a product is in stock and another does, it is open until then.
    """
    rejected = [no_rejects()]
    read: list[tuple[Stream, pd.DataFrame]] = []
    for stream in streams:
        for mapped in _read(stream):
            rejected.append(mapped.rejected)
            read.append((stream, _open(mapped.frame, stream, streams)))
    named = {
        table: set().union(*(frame[key] for one, frame in read if one.table == table and not one.joins))
        for table, key in _KEYS.items()
    }
    parts: dict[str, list[pd.DataFrame]] = {"users": [], "items": [], "interactions": []}
    for stream, frame in read:
        if stream.joins:
            alone = ~frame[_KEYS[stream.table]].isin(named[stream.table])
            rejected.append(rejects(stream.table, "row", UNJOINED, frame[alone]))
            frame = frame[~alone]
        parts[stream.table].append(frame)
    users = parts["users"] or [pd.DataFrame({"user": pd.Series([], dtype="str")})]
    stated = [name for stream in streams for name in stream.stated]
    return Tables(
        users=_together(users),
        items=_together(parts["items"]),
        interactions=_together(parts["interactions"]),
        stated=tuple(dict.fromkeys(stated)),
        rejected=pd.concat(rejected, ignore_index=True),
    )


def _read(stream: Stream) -> Iterator[Mapped]:
    for piece in stream.reader.pieces():
        for chunk in stream.reader.chunks(piece):
            yield stream.mapped(chunk)


def _open(frame: pd.DataFrame, stream: Stream, streams: Sequence[Stream]) -> pd.DataFrame:
    told = any("in_stock" in other.gives for other in streams if other.table == "items")
    if stream.table != "items" or not told or "in_stock" in stream.gives:
        return frame
    return frame.assign(in_stock=pd.Series(pd.NA, index=frame.index, dtype="boolean"))


def _together(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all; lists that a frame does not have are empty."""
    joined = pd.concat(frames, ignore_index=True)
    for name in (name for name in LISTS if name in joined and joined[name].isna().any()):
        cells = [cell if isinstance(cell, list) else [] for cell in joined[name]]
        joined[name] = pd.Series(cells, index=joined.index, dtype=object)
    return joined
