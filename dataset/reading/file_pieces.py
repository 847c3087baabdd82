"""Files as pieces: what a file held when it was last read is known again, and what was appended is new."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from dataset.errors import DataContractError, ResourceError
from dataset.reading.reader import Piece

_BLOCK: Final = 1 << 20


def pieces_of(
    path: Path, label: str, known: Sequence[Piece], *, layout: str, grows: bool, max_gib: float
) -> list[Piece]:
    """The pieces of one file, in the order of its bytes.

    Parameters
    ----------
    path : Path
    label : str
        What the file is called in a piece; its path within the folder.
    known : sequence of Piece
        Of the last run; may be of other files too.
    layout : str
        What the rows depend on beside the bytes of a piece, such as the header.
    grows : bool
        Whether appended lines make a further piece; otherwise the whole file is one.
    max_gib : float
        As for `check_file`, which says what is raised.
    """
    size = check_file(path, max_gib)
    held: list[Piece] = []
    at = 0
    for piece in _in_order(label, known):
        start, end = piece.state["start"], piece.state["end"]
        is_next = start == at and end <= size and (grows or end == size)
        if not is_next or piece.digest != _digest(path, layout, start, end):
            break
        held.append(piece)
        at = end
    if held and at < size and _goes_on(path, at):
        at = held.pop().state["start"]
    if at < size:
        state = {"file": label, "start": at, "end": size}
        held.append(Piece(f"{label} [{at}:{size})", _digest(path, layout, at, size), state))
    return held


def check_file(path: Path, max_gib: float) -> int:
    """The size of a file in bytes, at least 1 and at most `max_gib`."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataContractError(
            f"{path} must be a file that can be read. Reading it failed: {error.strerror}."
        ) from error
    if size == 0:
        raise DataContractError(f"{path} must hold a table. It is empty.")
    if size > max_gib * 2**30:
        raise ResourceError(
            f"{path} must be at most {max_gib} GiB. It holds {size / 2**30:.3g}: raise max_gib."
        )
    return size


def digest_of(layout: str) -> Any:
    """The hash that the bytes of a piece are added to."""
    return hashlib.sha256(f"{len(layout)}:{layout}".encode())


def check_unchanged(digest: Any, piece: Piece, path: Path) -> None:
    """Raise `DataContractError` unless the bytes just read are those of the piece."""
    if digest.hexdigest() != piece.digest:
        raise DataContractError(f"{path} must not change while it is read. It did: run again.")


def path_of(piece: Piece, files: Sequence[tuple[str, Path]]) -> Path:
    """The file of a piece."""
    return dict(files)[piece.state["file"]]


def _in_order(label: str, known: Sequence[Piece]) -> Iterator[Piece]:
    own = [piece for piece in known if piece.state.get("file") == label]
    yield from sorted(own, key=lambda piece: int(piece.state["start"]))


def _digest(path: Path, layout: str, start: int, end: int) -> str:
    digest = digest_of(layout)
    left = end - start
    with path.open("rb") as file:
        file.seek(start)
        while left > 0 and (block := file.read(min(_BLOCK, left))):
            digest.update(block)
            left -= len(block)
    return str(digest.hexdigest())


def _goes_on(path: Path, at: int) -> bool:
    """Whether the line that ended with the file at byte `at` has been written on."""
    with path.open("rb") as file:
        file.seek(at - 1)
        before, after = file.read(1), file.read(1)
    return before not in (b"\n", b"\r") and after not in (b"\n", b"\r")
