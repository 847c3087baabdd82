"""The bytes of a file, plain or gzipped, as UTF-8 in blocks: bounded, checked, one sentence on failure."""

import codecs
import gzip
import hashlib
import io
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from dataset.errors import ConfigurationError, DataContractError, ResourceError

BLOCK_BYTES: Final = 4 << 20
_SPLITTABLE: Final = ("utf-8", "ascii", "iso8859", "cp125", "koi8")


def encoding_named(encoding: str, where: str) -> str:
    """The one name of an encoding; a byte order mark is skipped in any case.

    Raises
    ------
    ConfigurationError
        If Python knows no such encoding of text.
    """
    try:
        name = codecs.lookup(encoding).name
        "é".encode(name, "replace")  # some codecs, such as zip, are none of text
    except (LookupError, ValueError) as error:
        raise ConfigurationError(
            f"{where}.encoding must be one such as utf-8 or cp1252. Got {encoding!r}."
        ) from error
    return "utf-8" if name == "utf-8-sig" else name


def is_gzipped(path: Path) -> bool:
    """Whether the file is gzipped, by its ending."""
    return path.suffix == ".gz"


def can_grow(path: Path, encoding: str) -> bool:
    """Whether a file may be cut where a line ends: it is plain, and the encoding has no state."""
    return not is_gzipped(path) and encoding.startswith(_SPLITTABLE)


def blocks_of(
    path: Path, encoding: str, max_gib: float, start: int = 0, end: int | None = None, digest: Any = None
) -> Iterator[bytes]:
    """The text of bytes [start, end) of a file as UTF-8, without a byte order mark.

    Parameters
    ----------
    path : Path
    encoding : str
        By the name that `encoding_named` gives it.
    max_gib : float
        What all blocks may amount to.
    start, end : int
        Bytes of the file as it lies on disk; `end` None: all.
    digest : hash object or None
        Is updated with the bytes of the file as they are read.

    Raises
    ------
    DataContractError
        If the file is truncated, no gzip, or not in this encoding.
    ResourceError
        If it unpacks to more than `max_gib`.
    """
    try:
        with path.open("rb") as file:
            raw = _Range(file, start, end, digest)
            unpacked = _unpacked(path, gzip.GzipFile(fileobj=raw) if is_gzipped(path) else raw, max_gib)
            texts = unpacked if encoding == "utf-8" else _decoded(unpacked, encoding)
            first = next(texts, b"")
            yield first.removeprefix(codecs.BOM_UTF8) if start == 0 else first
            yield from texts
    except UnicodeError as error:
        raise DataContractError(f"{path} must be in {encoding}. It is not: set `encoding`.") from error
    except (EOFError, OSError, zlib.error) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataContractError(f"{path} must be a whole file. Reading it failed: {reason}.") from error


def _unpacked(path: Path, stream: io.BufferedIOBase | io.RawIOBase, max_gib: float) -> Iterator[bytes]:
    total = 0
    while block := stream.read(BLOCK_BYTES):
        total += len(block)
        if total > max_gib * 2**30:
            raise ResourceError(f"{path} must unpack to at most {max_gib} GiB. It holds more: raise max_gib.")
        yield block


def _decoded(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    for block in blocks:
        if text := decoder.decode(block):
            yield text.encode()
    yield decoder.decode(b"", final=True).encode()


class Blocks(io.RawIOBase):
    """Blocks as a file that pyarrow reads: each read is full, until the end."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes; fewer only at the end."""
        if size < 0:
            size = sys.maxsize
        parts, wanted = [self._rest], size - len(self._rest)
        while wanted > 0 and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            wanted -= len(block)
        joined = b"".join(parts)
        self._rest = joined[size:]
        return joined[:size]


class _Range(io.RawIOBase):
    """Some bytes of an open file, hashed as they are read."""

    def __init__(self, file: io.BufferedIOBase | Any, start: int, end: int | None, digest: Any) -> None:
        self._file = file
        self._left = float("inf") if end is None else end - start
        self._digest = hashlib.sha256() if digest is None else digest
        file.seek(start)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block: bytes = self._file.read(int(min(size, self._left)))
        self._left -= len(block)
        self._digest.update(block)
        return block
