"""Canonical tables that were prepared before."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset.canonical import Tables
from dataset.errors import DataContractError
from dataset.storage import StoredTables, open_tables, read_tables


@dataclass(frozen=True, kw_only=True)
class Canonical:
    """A folder that `glowrank prepare` wrote.

    Parameters
    ----------
    path : str
    """

    path: str

    def inputs(self) -> Sequence[Path]:
        """The report, which holds the checksums of the tables."""
        report = Path(self.path) / "report.json"
        if not report.is_file():
            raise DataContractError(
                f"{self.path} must be a folder of prepared tables. Got no report.json there."
            )
        return [report]

    def read(self) -> Tables:
        """The tables, verified by checksum."""
        return read_tables(Path(self.path))

    def in_parts(self) -> StoredTables:
        """The tables, verified by checksum; the events are read when they are asked for."""
        return open_tables(Path(self.path))
