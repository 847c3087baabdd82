"""A source that can be read chunk by chunk: a reader, and the mapping of its rows to canonical ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import pandas as pd

from dataset.reading.reader import Reader

LEFT_OUT: Final = "left out: "
"""How the reason of a row begins that the configuration leaves out (`where`): it is counted among the rows
that are not kept, but is no sign of bad data, so a limit of the quarantined share must not count it."""


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """A chunk as canonical rows.

    Parameters
    ----------
    frame : DataFrame
        Canonical columns and attributes, all present, index 0, 1, 2, …. Cells that the stream does not
        state (see `Stream.gives`) hold what stands for "unknown": NaN, an empty list, in stock.
    rejected : DataFrame
        As `Tables.rejected`. Rows of level "row" are in no frame; those of level "cell" are.
    converted : mapping of str to int
        Cells repaired while reading, by "column: how": "price: currency stripped".
    """

    frame: pd.DataFrame
    rejected: pd.DataFrame
    converted: Mapping[str, int] = field(default_factory=dict)


class Stream(Protocol):
    """Rows of one shape for one canonical table; rows of a chunk are mapped independently of one another."""

    @property
    def name(self) -> str:
        """Which block this is, distinct within the source: "interactions: orders.csv"."""
        ...

    @property
    def table(self) -> str:
        """users, items or interactions."""
        ...

    @property
    def reader(self) -> Reader:
        """Reads the rows as they came."""
        ...

    @property
    def key(self) -> Mapping[str, Any]:
        """All that `mapped` depends on but the code, JSON-able; another key means other rows."""
        ...

    @property
    def gives(self) -> Sequence[str]:
        """Columns of the frame that this stream states; the others it leaves unknown."""
        ...

    @property
    def stated(self) -> Sequence[str]:
        """Attributes of `interactions` that users state with an event; empty for the other tables."""
        ...

    @property
    def joins(self) -> bool:
        """Whether its rows only add to users or items that other streams name, and name none themselves."""
        ...

    def mapped(self, chunk: pd.DataFrame) -> Mapped:
        """The canonical rows of a chunk of `reader`, in its order; rows left out are in `rejected`.

        Raises
        ------
        DataContractError
            If times carry no zone and none is configured.
        """
        ...


class StreamingSource(Protocol):
    """A source whose tables need not fit into memory before they are cleaned."""

    def streams(self) -> Sequence[Stream]:
        """Its streams in the order in which later ones correct earlier ones."""
        ...
