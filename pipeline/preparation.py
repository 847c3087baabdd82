"""From raw files to a coded dataset, remembered by content."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dataset.canonical import Source, Tables
from dataset.cleaning import clean
from dataset.dataset import Dataset
from dataset.encoding import encode
from dataset.errors import ArtefactError, ConfigurationError
from dataset.storage import read_report, read_tables, write_tables
from pipeline.artefacts import MANIFEST, sha256, write_folder
from pipeline.cache import Cache
from pipeline.fingerprint import fingerprint, fingerprint_of_code

_LOG: Final = logging.getLogger(__name__)


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


def prepare(source: Source, folder: Path, max_quarantined_share: float) -> Mapping[str, Any]:
    """Write the clean canonical tables of a source into `folder`; returns the report of counts.

    Raises
    ------
    ConfigurationError
        If the folder is a file, or holds something other than prepared tables.
    DataContractError
        If a table cannot be read, or too much of it breaks its contract.
    """
    strangers = folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file()
    strangers |= (folder / MANIFEST).is_file() and not (folder / "report.json").is_file()
    if strangers or (folder.exists() and not folder.is_dir()):
        raise ConfigurationError(f"out must be new, empty or a folder of prepared tables. Got {folder}.")
    tables, quarantine = clean(source.read(), max_quarantined_share)
    write_folder(folder, lambda temporary: write_tables(tables, quarantine, temporary))
    return read_report(folder)


def load(
    source: Source, cache: Cache | None = None, seed: int = 0, max_quarantined_share: float = 0.05
) -> Prepared:
    """The dataset of a source; the tables are read from the cache if the files have not changed.

    Parameters
    ----------
    source : Source
    cache : Cache or None
    seed : int
        Key of the hash that orders codes and breaks ties.
    max_quarantined_share : float
        Share of a table's rows that may break its contract; more is a `DataContractError`.
    """
    inputs = {str(path): sha256(path) for path in source.inputs()}
    name = type(source).__name__
    if cache is None or cache.folder is None:
        tables, quarantine = clean(source.read(), max_quarantined_share)
        return Prepared(encode(tables, name, seed), inputs, quarantine.report())
    key = fingerprint(source, tuple(inputs.values()), max_quarantined_share, fingerprint_of_code("dataset"))
    folder = cache.folder / "prepared" / key[:32]
    remembered = _remembered(folder)
    if remembered is None:
        prepare(source, folder, max_quarantined_share)
    tables = remembered or read_tables(folder)
    return Prepared(encode(tables, name, seed), inputs, read_report(folder))


def _remembered(folder: Path) -> Tables | None:
    """The tables of a folder in the cache; None if it is not there, or damaged."""
    if not (folder / MANIFEST).exists():
        return None
    try:
        return read_tables(folder)
    except ArtefactError as error:
        _LOG.warning("Prepared tables in the cache are damaged and are prepared again. %s", error)
        shutil.rmtree(folder, ignore_errors=True)
        return None
