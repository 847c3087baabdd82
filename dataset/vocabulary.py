"""External ids to internal codes, in an order that carries no information."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataset.errors import DataContractError


@dataclass(frozen=True)
class Vocabulary:
    """The ids of users or of items, kept exactly as they came, and their int32 codes.

    Codes follow a seeded hash of the id. Files often number items by first appearance, test items
    included; using or breaking ties by such a number leaks the answer, a hash cannot. Because the
    order is a hash, *ascending code is the one tie-break used everywhere*.

    Parameters
    ----------
    ids : tuple of str
        External ids, position = code.
    """

    ids: tuple[str, ...]

    @classmethod
    def of(cls, ids: Iterable[str], seed: int = 0) -> "Vocabulary":
        """Assign codes to the distinct `ids` by seeded hash (ties, one in 2^64, by the id itself).

        Examples
        --------
        >>> Vocabulary.of(["a", "b", "c"]) == Vocabulary.of(["c", "a", "b", "a"])
        True
        """
        distinct = np.array(sorted(set(ids)), dtype=object)
        order = np.argsort(_hash(distinct, seed), kind="stable")
        return cls(tuple(distinct[order].tolist()))

    def __len__(self) -> int:
        return len(self.ids)

    def encode(self, ids: "pd.Series[str] | Iterable[str]") -> npt.NDArray[np.int32]:
        """Codes of `ids`, int32 of shape (len(ids),); -1 where an id is unknown."""
        asked = pa.array(ids if isinstance(ids, pd.Series) else list(ids), pa.string(), from_pandas=True)
        codes = pc.index_in(asked, value_set=pa.array(self.ids, pa.string()))
        return np.asarray(codes.fill_null(-1).to_numpy(zero_copy_only=False), np.int32)

    def decode(self, codes: npt.NDArray[np.int32]) -> "pd.Series[str]":
        """Ids of `codes`; every code must be within the vocabulary."""
        if len(codes) and (codes.min() < 0 or codes.max() >= len(self.ids)):
            raise DataContractError(
                f"A code must be within 0 and {len(self.ids) - 1}. Got {codes.min()} to {codes.max()}."
            )
        return pd.Series(np.array(self.ids, dtype=object)[codes], dtype="str")

    def save(self, path: Path) -> None:
        """Write the ids, in the order of their codes, as a Parquet file."""
        pq.write_table(pa.table({"id": pa.array(self.ids, pa.string())}), path)

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read what `save` wrote."""
        return cls(tuple(pq.read_table(path).column("id").to_pylist()))


def _hash(ids: npt.NDArray[np.object_], seed: int) -> npt.NDArray[np.uint64]:
    """SipHash of each id under a key made from `seed`; the same on every machine."""
    if not len(ids):
        return np.zeros(0, np.uint64)
    return pd.util.hash_array(ids, hash_key=f"{seed:016d}"[-16:], categorize=False)
