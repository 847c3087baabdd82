"""From a source to a folder of clean canonical tables: read, check, settle, publish; each only once."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from dataset.canonical import Source
from dataset.cleaning.cleaning import Cleaning
from dataset.reading.reader import Piece
from dataset.sources.stream import Stream
from dataset.storage import read_report
from pipeline.artefacts import sha256, write_json
from pipeline.fingerprint import fingerprint, fingerprint_of_code
from pipeline.preparation.accounts import Accounts
from pipeline.preparation.folder import PreparedFolder
from pipeline.preparation.settling import Settling
from pipeline.preparation.staged import StagedPiece, stage
from pipeline.preparation.store import DamagedEntryError, Entry, Store
from pipeline.preparation.streams import WholeTable, save_oracle, streams_of
from pipeline.progress import Stopwatch

_LOG: Final = logging.getLogger(__name__)
_KNOWN: Final = "known.json"
_DONE: Final = "done.json"


@dataclass(frozen=True)
class Outcome:
    """How a preparation ended.

    Parameters
    ----------
    report : mapping
        Rows in, kept, quarantined and merged, by table, stream and reason; as in `report.json`.
    made : mapping of str to int
        What was computed and not found from the run before: `pieces` read, `tables` and `parts` settled,
        `surveys`, `published`; empty if there was nothing to do.
    asked : mapping of str to int
        The same and what was found.
    """

    report: Mapping[str, Any]
    made: Mapping[str, int]
    asked: Mapping[str, int]


def prepare(
    source: Source, folder: Path, cleaning: Cleaning | None = None, watch: Stopwatch | None = None
) -> Outcome:
    """Write the clean canonical tables of a source into `folder`.

    What has been read and settled before is found again by its content, so a run that was cut short goes
    on, of files that have grown only new rows are read, and where nothing is new nothing is done.

    Parameters
    ----------
    source : Source
        Read chunk by chunk if it has `streams`, else whole.
    folder : Path
    cleaning : Cleaning or None
        None: `Cleaning.default()`.
    watch : Stopwatch or None
        Shows how far it is.

    Raises
    ------
    ConfigurationError
        If the folder is a file, or holds something other than prepared tables.
    DataContractError
        If a table cannot be read, or too much of it breaks its contract; nothing is published.
    ResourceError
        If another process is at the folder, or it cannot be written.
    """
    with PreparedFolder.at(folder).locked() as target:
        return prepare_held(source, target, cleaning or Cleaning.default(), watch or Stopwatch())


def prepare_held(source: Source, target: PreparedFolder, cleaning: Cleaning, watch: Stopwatch) -> Outcome:
    """`prepare` for who holds the folder already, and goes on holding it."""
    while True:
        job = _Preparation(
            source=source,
            target=target,
            cleaning=cleaning,
            store=Store(target.staged),
            watch=watch,
            code=fingerprint_of_code("dataset", "pipeline.preparation"),
        )
        try:
            return job.run()
        except DamagedEntryError:
            continue  # it is gone, and is made again


def name_of(cleaning: Cleaning) -> str:
    """Fingerprint of what a cleaning does to rows, and of the code that does it; stands in the report."""
    policies = [cleaning.reconcile.get(table, "last") for table in ("users", "items")]
    return fingerprint(cleaning.steps, policies, fingerprint_of_code("dataset"))


@dataclass(frozen=True)
class _Preparation:
    """One run over a folder that is held."""

    source: Source
    target: PreparedFolder
    cleaning: Cleaning
    store: Store
    watch: Stopwatch
    code: str

    def run(self) -> Outcome:
        """Read, check, settle, publish."""
        streams = streams_of(self.source)
        inventory: str | None = getattr(self.source, "cosing", None)
        with self.watch.stage("reading"), _saying(self.watch.console) as say:
            staged, oracle = self._staged(streams, say)
        key = fingerprint(
            self.code,
            self.cleaning,
            [(stream.name, stream.table) for stream in streams],
            [(piece.stream, piece.entry.key) for piece in staged],
            sha256(Path(inventory).expanduser()) if inventory else None,
        )
        if _read_json(self.target.staged / _DONE) == {"key": key} and self.target.is_whole():
            return Outcome(read_report(self.target.path), dict(self.store.made), self.store.asked)
        accounts = Accounts.of_staging([(stream.name, stream.table) for stream in streams], staged)
        accounts.check_shares(self.cleaning.max_quarantined_share)
        settling = Settling(
            self.store, self.code, self.cleaning, staged, accounts, oracle, inventory, self.watch
        )
        with self.watch.stage("settling"):
            files = settling.files(key, {"cleaning": name_of(self.cleaning)})
        with self.watch.stage("publishing"):
            self.target.publish(files)
            write_json(self.target.staged / _DONE, {"key": key})
            self.store.sweep()
        return Outcome(read_report(self.target.path), dict(self.store.made), self.store.asked)

    def _staged(
        self, streams: Sequence[Stream], say: Callable[[str, int], None]
    ) -> tuple[list[StagedPiece], Entry | None]:
        """Every piece of the input, read only if it is new; and the oracle, of sources that may have one."""
        memory = _read_json(self.target.staged / _KNOWN)
        known = memory if isinstance(memory, dict) else {}
        found = [(at, piece) for at, stream in enumerate(streams) for piece in _pieces(stream, known)]
        keys = [self._key(streams[at], piece) for at, piece in found]
        there = [self.store.has("pieces", key) for key in keys]
        staged: list[StagedPiece] = []
        for number, (at, piece) in enumerate(found):
            make = partial(
                stage, streams[at], piece, partial(say, f"{number + 1} of {len(found)}: {piece.name}")
            )
            entry = self.store.obtain("pieces", keys[number], make)
            staged.append(StagedPiece(entry, at))
            if not there[number]:  # remembered at once, should the process end
                there[number] = True
                self._remember([(streams[at].name, piece) for (at, piece), is_there
                                in zip(found, there, strict=True) if is_there])  # fmt: skip
        self._remember([(streams[at].name, piece) for at, piece in found])
        oracle = None
        for stream in streams:
            if isinstance(stream, WholeTable):
                key = fingerprint(self.code, stream.digest)
                oracle = self.store.obtain("oracle", key, partial(save_oracle, stream))
                stream.read.forget()
        return staged, oracle

    def _remember(self, pieces: Sequence[tuple[str, Piece]]) -> None:
        """Write down which pieces of which stream are staged, if that has changed."""
        known: dict[str, list[Any]] = {}
        for name, piece in pieces:
            known.setdefault(name, []).append(asdict(piece))
        path = self.target.staged / _KNOWN
        if _read_json(path) != json.loads(json.dumps(known)):
            write_json(path, known)

    def _key(self, stream: Stream, piece: Piece) -> str:
        return fingerprint(self.code, stream.table, json.dumps(stream.key, sort_keys=True), piece.digest)


@contextmanager
def _saying(console: Console) -> Iterator[Callable[[str, int], None]]:
    """Tell what is read and how many rows of it have been; nothing where no terminal is attached."""
    if not console.is_terminal:
        yield lambda what, rows: None
        return
    with console.status("reading") as status:
        yield lambda what, rows: status.update(f"reading {escape(what)}, {rows:,} rows")


def _pieces(stream: Stream, known: Mapping[str, Any]) -> Sequence[Piece]:
    """What a stream has, given what was there the last time; a memory that cannot be read is none."""
    try:
        before = [Piece(**facts) for facts in known.get(stream.name, [])]
    except TypeError:
        before = []
    return stream.reader.pieces(before)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
