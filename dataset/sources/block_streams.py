"""The blocks of a mapping, each with what reads it."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from dataset.errors import ConfigurationError
from dataset.reading.byte_blocks import is_gzipped
from dataset.reading.csv_files import CsvFiles
from dataset.reading.json_lines import JsonLines
from dataset.reading.parquet_files import ParquetFiles
from dataset.reading.reader import Reader
from dataset.reading.sql import SqlRows
from dataset.sources.block_stream import BlockStream, Translation, native_columns
from dataset.sources.files import files_in
from dataset.sources.mapping import IDS, Block
from dataset.sources.mapping_entries import Files, KeyMap

_LINES: Final = (".jsonl", ".ndjson", ".json")


def streams_of(
    blocks: Sequence[Block], folder: Path, cosing: str | None, max_gib: float
) -> list[BlockStream]:
    """A stream for each block.

    Raises
    ------
    ConfigurationError
        If a link leads out of the folder, or the files of a block are of several formats.
    DataContractError
        If a file is missing.
    """
    inventory = Path(cosing).expanduser() if cosing else None
    return [
        BlockStream(
            block=block,
            reader=_reader(block, folder, max_gib),
            translations={at: _translation(one, folder, max_gib) for at, one in block.keys.items()},
            cosing=inventory,
            cosing_digest=_sha256(inventory) if inventory else None,
        )
        for block in blocks
    ]


def files_read(blocks: Sequence[Block], folder: Path) -> list[Path]:
    """The files of all blocks, key maps among them, each once."""
    found = []
    for block in blocks:
        if isinstance(block.origin, Files):
            found += _paths(block.origin, folder, block.table)
        found += [path for one in block.keys.values() for path in _paths(one.file, folder, "the keys")]
    return list(dict.fromkeys(found))


def _reader(block: Block, folder: Path, max_gib: float) -> Reader:
    native = native_columns(block)
    as_text = frozenset(name for name in block.sources if name not in native)
    if isinstance(block.origin, Files):
        paths = _paths(block.origin, folder, block.table)
        return _file_reader(block.origin, paths, folder, block.sources, as_text, max_gib)
    ids = [source for name in IDS[block.table] for source in block.columns.get(name, ())]
    origin = block.origin
    return SqlRows(
        label=block.name.partition(": ")[2],
        url=origin.url,
        table=origin.table,
        query=origin.query,
        watermark=origin.watermark,
        columns=tuple(block.sources),
        as_text=as_text,
        order=() if block.table == "interactions" else tuple(ids),
    )


def _file_reader(
    files: Files,
    paths: Sequence[Path],
    folder: Path,
    columns: Sequence[str],
    as_text: frozenset[str],
    max_gib: float,
) -> Reader:
    formats = {files.format or _format(path) for path in paths}
    if len(formats) > 1:
        raise ConfigurationError(
            f"The files of {files.pattern} must be of one format. They are {', '.join(sorted(formats))}."
        )
    labelled = tuple((path.relative_to(folder).as_posix(), path) for path in paths)
    makers: dict[str, Callable[[], Reader]] = {
        "parquet": lambda: ParquetFiles(
            files=labelled, columns=tuple(columns), as_text=as_text, max_gib=max_gib
        ),
        "jsonl": lambda: JsonLines(
            files=labelled, columns=tuple(columns), encoding=files.encoding, max_gib=max_gib
        ),
        "csv": lambda: replace(_csv(files, labelled, columns, max_gib), keeps_ragged=True),
    }
    return makers[formats.pop()]()


def _csv(
    files: Files, labelled: Sequence[tuple[str, Path]], columns: Sequence[str], max_gib: float
) -> CsvFiles:
    return CsvFiles(
        files=labelled,
        columns=tuple(columns),
        separator=files.separator,
        names=files.header,
        encoding=files.encoding,
        max_gib=max_gib,
    )


def _translation(keys: KeyMap, folder: Path, max_gib: float) -> Translation:
    path = _paths(keys.file, folder, "the keys")[0]
    labelled = ((path.relative_to(folder).as_posix(), path),)
    reader = _csv(keys.file, labelled, (keys.source, keys.target), max_gib)
    return Translation(keys=keys, reader=reader, digest=_sha256(path))


def _paths(files: Files, folder: Path, table: str) -> list[Path]:
    """Files of a pattern; a link that leads out of the folder is refused."""
    pattern = f"{files.pattern.rstrip('/')}/*" if (folder / files.pattern).is_dir() else files.pattern
    found = files_in(folder, pattern, what=f"the files of {table}")
    for path in found:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ConfigurationError(f"Files must lie within {folder}. {path.name} is a link out of it.")
    return found


def _format(path: Path) -> str:
    """The format that the ending says; CSV if it says nothing."""
    suffix = path.with_suffix("").suffix if is_gzipped(path) else path.suffix
    if suffix == ".parquet":
        return "parquet"
    return "jsonl" if suffix in _LINES else "csv"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
