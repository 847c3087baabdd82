"""CSV, plain or gzipped, as text cell by cell: nothing guessed, nothing lost, in bounded memory."""

import codecs
import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from dataset.errors import DataContractError
from dataset.reading.byte_blocks import Blocks, blocks_of, can_grow
from dataset.reading.file_pieces import check_file, check_unchanged, digest_of, path_of, pieces_of
from dataset.reading.reader import CHUNK_ROWS, UNREAD, Piece

ROW_BYTES: Final = 16 << 20
"""Length that one row may have."""
_HEADER_BYTES: Final = 1 << 20
_RAGGED: Final = re.compile(r"(?:Row #(?P<row>\d+): )?Expected \d+ columns, got (?P<length>\d+)")
_RAGGED_LETTERS: Final = 64 << 20  # of all rows of a piece that are kept for the quarantine; sets memory
_SEVERAL_LINES: Final = re.compile(r"[\r\n]")
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_LAST: Final = "\x1e"
# A row of these marks is read after the last one: if it comes out as it went in, no quote was left open.


@dataclass(frozen=True, kw_only=True)
class CsvFiles:
    """Files of one shape with a header.

    Quotes are `"`, doubled within a cell; line ends are any; cells may hold line ends. Empty lines are none.

    Parameters
    ----------
    files : sequence of (str, Path)
        Label and place of each, in order.
    columns : sequence of str
        Those to read; each must stand in the header, once.
    separator : str
        One character.
    names : sequence of str or None
        Of all columns, for files without a header.
    encoding : str
        As `encoding_named` gives it.
    max_gib : float
        Size that one file may have, unpacked.
    keeps_ragged : bool
        Whether rows that are not as long as the header come in the column `UNREAD`, unless they span
        several lines or are too many. Otherwise their file is refused.
    chunk_rows : int
        Rows of a chunk at most; changes memory only.
    """

    files: Sequence[tuple[str, Path]]
    columns: Sequence[str]
    separator: str = ","
    names: Sequence[str] | None = None
    encoding: str = "utf-8"
    max_gib: float = 16.0
    keeps_ragged: bool = False
    chunk_rows: int = CHUNK_ROWS

    def pieces(self, known: Sequence[Piece] = ()) -> Sequence[Piece]:
        """See `Reader.pieces`: appended lines make a further piece, unless gzipped."""
        found: list[Piece] = []
        for label, path in self.files:
            check_file(path, self.max_gib)
            grows = can_grow(path, self.encoding)
            layout = self._layout(self._names(path))
            found += pieces_of(path, label, known, layout=layout, grows=grows, max_gib=self.max_gib)
        return found

    def chunks(self, piece: Piece) -> Iterator[pd.DataFrame]:
        """See `Reader.chunks`; every cell is text.

        Raises
        ------
        DataContractError
            If a row is not as long as the header, a quote is not closed, or a column is missing.
        """
        path = path_of(piece, self.files)
        start, end = piece.state["start"], piece.state["end"]
        names = self._names(path)
        digest = digest_of(self._layout(names))
        _require(path, self.columns, names)
        blocks = blocks_of(path, self.encoding, self.max_gib, start, end, digest)
        has_header = start == 0 and self.names is None
        body = _header_of(path, blocks, self.separator)[1] if has_header else blocks
        wanted = {str(names.index(name)): name for name in dict.fromkeys(self.columns)}
        ragged = _Ragged() if self.keeps_ragged else None
        body = _decodable(path, body) if ragged else body
        for table in _tables(path, body, len(names), list(wanted), self.separator, ragged):
            for at in range(0, max(len(table), 1), self.chunk_rows):
                chunk = table.slice(at, self.chunk_rows).to_pandas()
                yield chunk.astype("str").rename(columns=wanted)
        torn = ragged.texts if ragged else []
        for at in range(0, len(torn), self.chunk_rows):
            texts = pd.Series(torn[at : at + self.chunk_rows], dtype="str")
            blank = {name: pd.Series("", index=texts.index, dtype="str") for name in wanted.values()}
            yield pd.DataFrame({**blank, UNREAD: texts})
        check_unchanged(digest, piece, path)

    def _names(self, path: Path) -> list[str]:
        if self.names is not None:
            return list(self.names)
        return _header_of(path, blocks_of(path, self.encoding, self.max_gib), self.separator)[0]

    def _layout(self, names: Sequence[str]) -> str:
        return json.dumps(["csv", self.names is None, *names])


def _header_of(path: Path, blocks: Iterator[bytes], separator: str) -> tuple[list[str], Iterator[bytes]]:
    """The names in the first row that is not blank, and all that comes after it."""
    head = b""
    for block in blocks:
        head += block
        end = 0
        for line in _LINE_END.finditer(head):
            first = head[end : line.start()]
            if not first.strip():
                end = line.end()
            elif first.count(b'"') % 2 == 0 and line.end() < len(head):  # "\r" may be half of "\r\n"
                return _names(path, first, separator), chain([head[line.end() :]], blocks)
        if len(head) > _HEADER_BYTES:
            raise DataContractError(f"{path} must be CSV with a header. Its first row has no end.")
    return _names(path, head.strip(b"\r\n"), separator), iter(())


def _names(path: Path, line: bytes, separator: str) -> list[str]:
    try:
        rows = list(csv.reader([line.decode()], delimiter=separator, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataContractError(
            f"{path} must be CSV in UTF-8 with a header. Its first row is none: {error}."
        ) from error
    if not rows or not any(rows[0]):
        raise DataContractError(f"{path} must be CSV with a header. It holds no row.")
    return rows[0]


def _tables(
    path: Path,
    body: Iterator[bytes],
    n_columns: int,
    wanted: list[str],
    separator: str,
    ragged: "_Ragged | None",
) -> Iterator[pa.Table]:
    """Batches of the columns wanted, by position; the row of marks at the end is taken off."""
    positions = [str(at) for at in range(n_columns)]
    marks = separator.join([_LAST] * n_columns).encode()
    stream = pa.PythonFile(Blocks(chain(body, [b"\n" + marks + b"\n"])), mode="r")
    try:
        batches = pa_csv.open_csv(
            stream,
            read_options=pa_csv.ReadOptions(block_size=ROW_BYTES, column_names=positions, use_threads=False),
            parse_options=pa_csv.ParseOptions(
                delimiter=separator, newlines_in_values=True, invalid_row_handler=ragged
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(positions, pa.string()),
                include_columns=wanted,
                strings_can_be_null=False,
                null_values=[],
            ),
        )
        before = None
        for batch in batches:
            if len(batch) and before is not None:
                yield before
            before = pa.Table.from_batches([batch]) if len(batch) else before
        yield _without_marks(path, before)
    except pa.ArrowException as error:
        raise DataContractError(_said(path, str(error), n_columns)) from error


def _decodable(path: Path, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Blocks of UTF-8; pyarrow drops a ragged row that is none without a word."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for block in chain(blocks, [b""]):
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise DataContractError(_said(path, "UTF8", 0)) from error
        yield block


class _Ragged:
    """Keeps the text of rows that are not as long as the header."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._left = _RAGGED_LETTERS

    def __call__(self, row: Any) -> str:
        """What pyarrow is to do with a row."""
        self._left -= max(len(row.text), 1)
        if self._left < 0 or _SEVERAL_LINES.search(row.text):  # a quote may be open, and swallow rows
            return "error"
        self.texts.append(row.text)
        return "skip"


def _without_marks(path: Path, last: pa.Table | None) -> pa.Table:
    if last is None or any(column[-1].as_py() != _LAST for column in last.columns):
        raise DataContractError(f"{path} must close every quote. One of its last rows does not.")
    return last.slice(0, len(last) - 1)


def _said(path: Path, text: str, n_columns: int) -> str:
    if (ragged := _RAGGED.search(text)) is not None:
        where = f"Row {int(ragged['row']):,} of those read" if ragged["row"] else "One"
        return (
            f"Rows of {path} must be as long as its header, {n_columns} cells. {where} has "
            f"{ragged['length']}: put quotes around cells that hold a separator, or set `separator`."
        )
    if "straddl" in text:
        return (
            f"Rows of {path} must be at most {ROW_BYTES >> 20} MiB. One is longer, or a quote is not closed."
        )
    if "UTF8" in text:
        return f"{path} must be CSV in UTF-8. It is not: set `encoding`."
    return f"{path} must be CSV. Reading it failed: {' '.join(text.split()).rstrip('.')}."


def _require(path: Path, required: Sequence[str], found: Sequence[str]) -> None:
    missing = [name for name in required if name not in found]
    if missing:
        raise DataContractError(
            f"{path.name} must have the column{'s' if len(missing) > 1 else ''} "
            f"{', '.join(missing)}. It has {', '.join(found)}."
        )
    twice = [name for name in required if found.count(name) > 1]
    if twice:
        raise DataContractError(f"{path.name} must have one column {twice[0]}. Its header names it twice.")
