"""What every reader offers: content cut into pieces that are known again, and each piece in chunks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import pandas as pd

CHUNK_ROWS: Final = 200_000
"""Rows of a chunk at most, unless a reader is told otherwise; sets memory, never the result."""
UNREAD: Final = "_unread"
"""Column that a chunk may have besides those asked for: the text of a row that the reader could not take
apart, whose other cells are ""; missing in all other rows."""


@dataclass(frozen=True)
class Piece:
    """A part of what a reader reads, known again by its digest.

    Parameters
    ----------
    name : str
        Where it lies, for a report: a file and its bytes, a table and the range of its watermark. Never
        holds a secret.
    digest : str
        sha256, 64 hexadecimal digits, over all that its rows depend on: equal digests mean equal rows
        under one mapping.
    state : mapping
        What the reader needs to find the piece again; JSON-able. Goes through JSON between runs.
    """

    name: str
    digest: str
    state: Mapping[str, Any] = field(default_factory=dict)


class Reader(Protocol):
    """Rows of some files, or of a query, of one shape; holds no open file and no connection."""

    def pieces(self, known: Sequence[Piece] = ()) -> Sequence[Piece]:
        """What there is now, in a fixed order.

        Parameters
        ----------
        known : sequence of Piece
            Those of the last run. The ones whose content is unchanged are given back as they were; what
            has been appended comes as a further piece; those that no longer hold are not given back.

        Raises
        ------
        DataContractError
            If a file is missing, or is none of its format.
        ResourceError
            If a file is larger than is allowed.
        """
        ...

    def chunks(self, piece: Piece) -> Iterator[pd.DataFrame]:
        """The rows of a piece: at least one frame of the columns asked for, index 0, 1, 2, … in each.

        Cells are text exactly as it stands, "" where empty; or of the type in which they are stored,
        where the reader was not asked for text: numbers, flags, moments, and lists as lists.

        Raises
        ------
        DataContractError
            If a column is missing, or the content is broken or has changed since `pieces`.
        ResourceError
            If it unpacks to more than is allowed.
        """
        ...
