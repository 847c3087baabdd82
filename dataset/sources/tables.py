"""Any CSV or Parquet files, mapped to the canonical tables by a YAML file that the user writes.

`docs/examples/tables.yaml` is a complete example; `mapping.Block` names every key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dataset.canonical import Tables, no_rejects
from dataset.contracts import TIME_DTYPE
from dataset.cosing import function_words, load_cosing
from dataset.errors import ConfigurationError
from dataset.parameters import check_number
from dataset.sources import columns
from dataset.sources.files import check_size, files_in, folder_of, read_csv, read_parquet, rejects
from dataset.sources.mapping import ROLES, Block, read_mapping


@dataclass(frozen=True, kw_only=True)
class TableFiles:
    """A folder of files and the mapping that explains them.

    Parameters
    ----------
    path : str
        The folder; nothing outside is read.
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
        """The mapping, the files that it names, the inventory if one is given."""
        mapping = Path(self.mapping).expanduser()
        folder = folder_of(self.path)
        files = [path for block in read_mapping(mapping) for path in _paths(folder, block)]
        cosing = [Path(self.cosing).expanduser()] if self.cosing else []
        return [mapping, *dict.fromkeys(files), *cosing]

    def read(self) -> Tables:
        """The canonical tables; cells that cannot be read are in `rejected`.

        Raises
        ------
        ConfigurationError
            If the mapping has no meaning.
        DataContractError
            If a file or column is missing, or times carry no zone.
        ResourceError
            If a file is larger than `max_gib`.
        """
        folder = folder_of(self.path)
        blocks = read_mapping(Path(self.mapping).expanduser())
        rejected = [no_rejects()]
        tables = {
            table: [
                _read(path, block, self.max_gib, rejected)
                for block in blocks
                if block.table == table
                for path in _paths(folder, block)
            ]
            for table in ROLES
        }
        items = pd.concat(tables["items"], ignore_index=True)
        if self.cosing:
            known = load_cosing(self.cosing)
            pairs = zip(items["functions"], items["ingredients"], strict=True)
            listed = [[*words, *function_words(names, known)] for words, names in pairs]
            items["functions"] = pd.Series(listed, index=items.index, dtype=object)
        stated = [name for block in blocks if block.table == "interactions" for name in block.attributes]
        return Tables(
            users=_users(tables["users"]),
            items=items,
            interactions=pd.concat(tables["interactions"], ignore_index=True),
            stated=tuple(dict.fromkeys(stated)),
            rejected=pd.concat(rejected, ignore_index=True),
        )


def _paths(folder: Path, block: Block) -> list[Path]:
    """Files of a block; a link that leads out of the folder is refused."""
    found = files_in(folder, block.file, what=f"the files of {block.table}")
    for path in found:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ConfigurationError(f"Files must lie within {folder}. {path.name} is a link out of it.")
    return found


def _read(path: Path, block: Block, max_gib: float, rejected: list[pd.DataFrame]) -> pd.DataFrame:
    """One file as a canonical table, every column present."""
    check_size(path, max_gib)
    roles = block.roles
    wanted = [source for sources in block.columns.values() for source in sources]
    if path.suffix == ".parquet":
        native = ("number", "moment", "flag")
        as_text = {s for name, sources in block.columns.items() if roles[name] not in native for s in sources}
        raw = read_parquet(path, wanted, as_text)
    else:
        raw = read_csv(path, wanted)
    ids = [block.columns[name][0] for name, role in roles.items() if role == "id" and name in block.columns]
    out = {}
    for name, role in roles.items():
        if name in block.constants:
            cells = pd.Series(block.constants[name], index=raw.index, dtype="str")
        elif role == "path" and name in block.columns:
            cells = _joined(raw[list(block.columns[name])])
        elif name in block.columns:
            cells = raw[block.columns[name][0]]
        else:
            if (default := _default(block.table, name, raw.index)) is not None:
                out[name] = default
            continue
        source = block.columns.get(name, [name])[0]
        out[name], bad = _convert(name, role, cells, block, f"column {source} of {path.name}")
        if bad.any():
            shown = raw.loc[bad, list(dict.fromkeys([*ids, source]))]
            rejected.append(rejects(block.table, "cell", f"{name} is not a {role}", shown))
    return pd.DataFrame(out, index=raw.index)


def _convert(name: str, role: str, cells: columns.Cells, block: Block, where: str) -> columns.Read:
    separator = block.separators.get(name)
    if role == "number":
        return columns.numbers(cells)
    if role == "flag":
        return columns.flags(cells)
    if role == "moment":
        return columns.moments(cells, block.time_format, block.timezone, where)
    if role == "words":
        return columns.words(cells, separator)
    if role == "names":
        return columns.ingredient_names(cells, separator)
    if role == "kind":
        return columns.kinds(cells, block.kinds)
    return columns.labels(cells)


def _joined(parts: pd.DataFrame) -> columns.Cells:
    """A category path from its levels, blank levels left out."""
    rows = parts.to_numpy(dtype=object)
    return pd.Series([" > ".join(p for p in row if p) for row in rows], index=parts.index, dtype="str")


def _default(table: str, name: str, index: pd.Index) -> "pd.Series[Any] | None":
    """What a column holds that no file has; None for attributes of users that are left out altogether."""
    role = ROLES[table].get(name)
    if role in ("words", "names"):
        return pd.Series([[] for _ in index], index=index, dtype=object)
    if table == "users" or role is None:
        return None
    scalars: Mapping[str, tuple[object, str]] = {
        "label": (np.nan, "str"),
        "path": (np.nan, "str"),
        "number": (1.0 if name == "quantity" else np.nan, "float64"),
        "flag": (True, "bool"),
        "moment": (pd.NaT, TIME_DTYPE),
    }
    value, dtype = scalars[role]
    return pd.Series(value, index=index, dtype=dtype)


def _users(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    if not parts:
        return pd.DataFrame({"user": pd.Series([], dtype="str")})
    return pd.concat(parts, ignore_index=True)
