"""From a source to a coded dataset; its tables are prepared once and then read from the cache."""

import logging
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dataset.canonical import Source
from dataset.cleaning import Cleaning, clean
from dataset.dataset import Dataset
from dataset.encoding import encode
from dataset.errors import ArtefactError, ResourceError
from dataset.sources.canonical import Canonical
from dataset.storage import REPORT, StoredTables, open_tables, read_report
from pipeline.artefacts import MANIFEST, read_manifest, verify
from pipeline.cache import Cache
from pipeline.fingerprint import fingerprint, fingerprint_of_code
from pipeline.preparation.folder import PreparedFolder
from pipeline.preparation.preparing import name_of, prepare_held
from pipeline.preparation.streams import inputs_of
from pipeline.progress import Stopwatch

_LOG: Final = logging.getLogger(__name__)
_PATIENCE_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Prepared:
    """A dataset and where it came from.

    Parameters
    ----------
    dataset : Dataset
    inputs : mapping of str to str
        sha256 of each file read.
    report : mapping
        Rows in, kept, quarantined and merged, by table and reason.
    """

    dataset: Dataset
    inputs: Mapping[str, str]
    report: Mapping[str, Any]


def load(
    source: Source,
    cache: Cache | None = None,
    seed: int = 0,
    cleaning: Cleaning | None = None,
    watch: Stopwatch | None = None,
) -> Prepared:
    """The dataset of a source; the tables are read from the cache if the files have not changed.

    Parameters
    ----------
    source : Source
    cache : Cache or None
    seed : int
        Key of the hash that orders codes and breaks ties.
    cleaning : Cleaning or None
        None: `Cleaning.default()`. Tables that `prepare` wrote with the same cleaning are taken as they are.
    watch : Stopwatch or None
        Shows how far the preparation is.
    """
    cleaning = cleaning or Cleaning.default()
    inputs = inputs_of(source)
    name = type(source).__name__
    if isinstance(source, Canonical):
        folder = Path(source.path)
        if _report(folder).get("cleaning") == name_of(cleaning):
            return Prepared(encode(open_tables(folder), name, seed), inputs, read_report(folder))
    streaming = hasattr(source, "streams")
    if cache is None or cache.folder is None:
        if not streaming:
            tables, quarantine = clean(source.read(), cleaning)
            return Prepared(encode(tables, name, seed), inputs, quarantine.report())
        with tempfile.TemporaryDirectory() as scratch:  # it may be larger than memory
            return _prepared(source, Path(scratch) / "tables", cleaning, watch, inputs, seed)
    # Of a source in streams the folder follows the content, as databases and files grow; of others there is
    # a folder for each content, and within it nothing to remember.
    content = () if streaming else (tuple(inputs.values()), fingerprint_of_code("dataset"))
    folder = cache.folder / "prepared" / fingerprint(source, cleaning, *content)[:32]
    if not streaming and (known := _remembered(folder)):
        return Prepared(encode(known, name, seed), inputs, read_report(folder))
    return _prepared(source, folder, cleaning, watch, inputs, seed)


def _report(folder: Path) -> Mapping[str, Any]:
    """The report of prepared tables, verified; older folders have no manifest to verify it by."""
    if (folder / MANIFEST).is_file():
        files = read_manifest(folder)["files"]
        verify(folder, {REPORT: files.get(REPORT)})
    return read_report(folder)


def _remembered(folder: Path) -> StoredTables | None:
    """The tables of a folder in the cache; None if it is not there, or damaged."""
    if not (folder / MANIFEST).exists():
        return None
    try:
        _report(folder)
        return open_tables(folder)
    except ArtefactError as error:
        _LOG.warning("Prepared tables in the cache are damaged and are prepared again. %s", error)
        shutil.rmtree(folder, ignore_errors=True)
        return None


def _prepared(
    source: Source,
    folder: Path,
    cleaning: Cleaning,
    watch: Stopwatch | None,
    inputs: Mapping[str, str],
    seed: int,
) -> Prepared:
    """The dataset, its tables prepared and read while nobody else changes them."""
    with ExitStack() as stack:
        target = _waited_for(stack, folder)
        report = prepare_held(source, target, cleaning, watch or Stopwatch()).report
        if not hasattr(source, "streams"):
            shutil.rmtree(target.staged, ignore_errors=True)
        dataset = encode(open_tables(folder), type(source).__name__, seed)
    return Prepared(dataset, inputs, report)


def _waited_for(stack: ExitStack, folder: Path) -> PreparedFolder:
    """The folder for this process alone, as soon as others have done with it."""
    while True:
        try:
            return stack.enter_context(PreparedFolder.at(folder).locked())
        except ResourceError as error:
            if not isinstance(error.__cause__, BlockingIOError):
                raise
            time.sleep(_PATIENCE_SECONDS)
