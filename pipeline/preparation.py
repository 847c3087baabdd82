"""From raw files to a coded dataset, remembered by content."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset.canonical import Source
from dataset.cleaning import clean
from dataset.dataset import Dataset
from dataset.encoding import encode
from dataset.storage import read_report, read_tables, write_tables
from pipeline.artefacts import sha256, write_folder
from pipeline.cache import Cache
from pipeline.fingerprint import fingerprint, fingerprint_of_code


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
    """Write the clean canonical tables of a source into `folder`; returns the report of counts."""
    tables, quarantine = clean(source.read(), max_quarantined_share)
    write_folder(folder, lambda temporary: write_tables(tables, quarantine, temporary))
    return read_report(folder)


def load(source: Source, cache: Cache, seed: int = 0, max_quarantined_share: float = 0.05) -> Prepared:
    """The dataset of a source; the tables are read from the cache if the files have not changed.

    Parameters
    ----------
    source : Source
    cache : Cache
    seed : int
        Key of the hash that orders codes and breaks ties.
    max_quarantined_share : float
        Share of a table's rows that may break its contract; more is a `DataContractError`.
    """
    inputs = {str(path): sha256(path) for path in source.inputs()}
    name = type(source).__name__
    if cache.folder is None:
        tables, quarantine = clean(source.read(), max_quarantined_share)
        return Prepared(encode(tables, name, seed), inputs, quarantine.report())
    key = fingerprint(source, tuple(inputs.values()), max_quarantined_share, fingerprint_of_code("dataset"))
    folder = cache.folder / "prepared" / key[:32]
    if not (folder / "report.json").exists():
        prepare(source, folder, max_quarantined_share)
    return Prepared(encode(read_tables(folder), name, seed), inputs, read_report(folder))
