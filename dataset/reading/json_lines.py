"""JSON lines, plain or gzipped: an object a line, its numbers and ids as they stand, in bounded memory."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from dataset.errors import DataContractError
from dataset.reading.byte_blocks import blocks_of, can_grow
from dataset.reading.file_pieces import check_file, check_unchanged, digest_of, path_of, pieces_of
from dataset.reading.reader import CHUNK_ROWS, Piece

LINE_BYTES: Final = 16 << 20
"""Length that one line may have."""
_LAYOUT: Final = "json lines"
_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)


@dataclass(frozen=True, kw_only=True)
class JsonLines:
    """Files of objects, one a line; blank lines are none.

    Parameters
    ----------
    files : sequence of (str, Path)
        Label and place of each, in order.
    columns : sequence of str
        Keys to read; "a.b" is key b of the object at a. An object without a key has an empty cell there.
    encoding : str
        As `encoding_named` gives it.
    max_gib : float
        Size that one file may have, unpacked.
    chunk_rows : int
        Rows of a chunk at most; changes memory only.
    """

    files: Sequence[tuple[str, Path]]
    columns: Sequence[str]
    encoding: str = "utf-8"
    max_gib: float = 16.0
    chunk_rows: int = CHUNK_ROWS

    def pieces(self, known: Sequence[Piece] = ()) -> Sequence[Piece]:
        """See `Reader.pieces`: appended lines make a further piece, unless gzipped."""
        found: list[Piece] = []
        for label, path in self.files:
            check_file(path, self.max_gib)
            grows = can_grow(path, self.encoding)
            found += pieces_of(path, label, known, layout=_LAYOUT, grows=grows, max_gib=self.max_gib)
        return found

    def chunks(self, piece: Piece) -> Iterator[pd.DataFrame]:
        """See `Reader.chunks`: numbers and flags are text as in the file, lists are lists.

        Raises
        ------
        DataContractError
            If a line is no object, or no line of a whole file has one of the columns.
        """
        path = path_of(piece, self.files)
        start, end = piece.state["start"], piece.state["end"]
        digest = digest_of(_LAYOUT)
        wanted = list(dict.fromkeys(self.columns))
        absent, seen, rows = set(wanted), dict[str, None](), 0
        for batch in self._batches(path, start, end, digest):
            objects = _objects(batch, path, rows if start == 0 else None)
            rows += len(batch)
            seen.update(dict.fromkeys(key for key in objects[0] if len(seen) < 50))
            columns = {name: _cells_of(name, objects) for name in wanted}
            absent = {name for name in absent if not any(cell is not None for cell in columns[name])}
            yield pd.DataFrame({name: _column(values) for name, values in columns.items()})
        if not rows:
            yield pd.DataFrame({name: _column([]) for name in wanted})
        if absent and start == 0 and rows:
            raise DataContractError(
                f"{path.name} must have the key {sorted(absent)[0]} in one line at least. "
                f"Its lines have {', '.join(seen)}."
            )
        check_unchanged(digest, piece, path)

    def _batches(self, path: Path, start: int, end: int, digest: Any) -> Iterator[list[bytes]]:
        """Lines that are not blank, `chunk_rows` at a time."""
        batch: list[bytes] = []
        rest = b""
        for block in blocks_of(path, self.encoding, self.max_gib, start, end, digest):
            # Only "\n" and "\r" end a line: other separators may stand within a text.
            *lines, rest = (rest + block).replace(b"\r", b"\n").split(b"\n")
            if len(rest) > LINE_BYTES:
                raise DataContractError(
                    f"Lines of {path} must be at most {LINE_BYTES >> 20} MiB. One is longer."
                )
            batch += [line for line in lines if line and not line.isspace()]
            while len(batch) >= self.chunk_rows:
                yield batch[: self.chunk_rows]
                batch = batch[self.chunk_rows :]
        if rest.strip():
            batch.append(rest)
        while batch:
            yield batch[: self.chunk_rows]
            batch = batch[self.chunk_rows :]


def _objects(lines: Sequence[bytes], path: Path, before: int | None) -> list[dict[str, Any]]:
    try:  # All at once is twice as fast as one by one; which of them is broken is seen afterwards.
        together = _DECODER.decode("[" + b",".join(lines).decode() + "]")
        if len(together) == len(lines) and all(isinstance(entry, dict) for entry in together):
            return list(together)
    except (ValueError, RecursionError):
        pass
    objects = []
    for at, line in enumerate(lines):
        try:
            entry = _DECODER.decode(line.decode())
        except (ValueError, RecursionError) as error:
            raise _broken(path, before, at, _reason(error)) from error
        if not isinstance(entry, dict):
            raise _broken(path, before, at, f"it is a {type(entry).__name__}")
        objects.append(entry)
    return objects


def _broken(path: Path, before: int | None, at: int, reason: str) -> DataContractError:
    where = "A line" if before is None else f"Line {before + at + 1:,}"
    return DataContractError(
        f"{path} must be JSON lines, an object a line. {where} (blank ones not counted) is none: {reason}."
    )


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not in this encoding"
    return "it is nested too deeply" if isinstance(error, RecursionError) else f"{error}"


def _cells_of(name: str, objects: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What each object has of a column; None where it has no such key."""
    cells: list[Any] = [entry.get(name) for entry in objects]
    if "." in name:
        first, *keys = name.split(".")
        for at, entry in enumerate(objects):
            if name not in entry:
                found: Any = entry.get(first)
                for key in keys:
                    found = found.get(key) if isinstance(found, dict) else None
                cells[at] = found
    if set(map(type, cells)) <= {str, list}:
        return cells
    return [_text(cell) for cell in cells]


def _text(cell: object) -> object:
    if cell is None or isinstance(cell, str | list):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return json.dumps(cell, ensure_ascii=False)


def _column(cells: list[Any]) -> "pd.Series[Any]":
    if any(isinstance(cell, list) for cell in cells):
        return pd.Series([[] if cell is None else cell for cell in cells], dtype=object)
    texts = ["" if cell is None else cell for cell in cells]
    try:
        return pd.Series(texts, dtype="str")
    except UnicodeEncodeError:  # half of a pair, "\\ud83d", is no text: it stays as it is written
        return pd.Series([text.encode("utf-8", "backslashreplace").decode() for text in texts], dtype="str")
