"""Any files and databases, mapped to the canonical tables by a YAML file that the user writes.

`docs/examples/tables.yaml` is a complete example; `mapping.Block` names every key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset.canonical import Tables
from dataset.parameters import check_number
from dataset.sources.block_streams import files_read, streams_of
from dataset.sources.files import folder_of
from dataset.sources.mapping import read_mapping
from dataset.sources.stream import Stream
from dataset.sources.whole_tables import whole_tables


@dataclass(frozen=True, kw_only=True)
class TableFiles:
    """A folder of files and the mapping that explains them.

    Parameters
    ----------
    path : str
        The folder; no file outside is read.
    mapping : str
        The YAML file.
    cosing : str or None
        CSV of the CosIng inventory; adds "function:…" words of the ingredients to the items.
    max_gib : float
        Size that one file may have, unpacked; larger ones are refused.
    """

    path: str
    mapping: str
    cosing: str | None = None
    max_gib: float = 16.0

    def __post_init__(self) -> None:
        check_number(self, "max_gib", low=0)

    def inputs(self) -> Sequence[Path]:
        """The mapping, the files that it names, the inventory if one is given; no databases."""
        mapping = Path(self.mapping).expanduser()
        files = files_read(read_mapping(mapping), folder_of(self.path))
        return [mapping, *files, *([Path(self.cosing).expanduser()] if self.cosing else [])]

    def streams(self) -> Sequence[Stream]:
        """A stream for each block of the mapping: users, items, interactions, in the order of the file.

        Raises
        ------
        ConfigurationError
            If the mapping has no meaning.
        DataContractError
            If a file is missing.
        """
        blocks = read_mapping(Path(self.mapping).expanduser())
        return streams_of(blocks, folder_of(self.path), self.cosing, self.max_gib)

    def read(self) -> Tables:
        """The canonical tables, whole; cells that cannot be read are in `rejected`.

        Raises
        ------
        ConfigurationError
            If the mapping has no meaning, or a database has no connection string.
        DataContractError
            If a file or column is missing or broken, or times carry no zone.
        ResourceError
            If a file is larger than `max_gib`, or a database cannot be reached.
        """
        return whole_tables(self.streams())
