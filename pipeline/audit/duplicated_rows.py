"""Whether rows that come twice, as exports overlap, leave the data as it is."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dataset.canonical import Tables
from dataset.cleaning import clean
from dataset.encoding import encode
from dataset.parameters import check_int, check_number
from pipeline.audit.audited import Audited, Finding


@dataclass(frozen=True, kw_only=True)
class DuplicatedRows:
    """A share of the rows of every raw table comes again at another place; the dataset must be the same.

    Parameters
    ----------
    share : float
        Of the rows of each table, above 0 and at most 1; at least one row.
    seed : int
        Of which rows, and where to.
    """

    share: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        check_number(self, "share", low=1e-9, high=1)
        check_int(self, "seed", low=0)

    def check(self, audited: Audited) -> Finding:
        """Clean and encode the tables with the repetitions, and compare the digests."""
        tables, n_rows = repeated(audited.raw, self.share, self.seed)
        # Repeating bad rows may move their share over the run's limit, which is not what is asked here.
        cleaned, _ = clean(tables, replace(audited.experiment.cleaning, max_quarantined_share=1.0))
        digest = encode(cleaned, audited.dataset.name, audited.experiment.seed).digest
        same = digest == audited.dataset.digest
        wrong = f"With {n_rows:,} rows of the raw tables repeated the dataset is another one"
        fine = f"{n_rows:,} rows of the raw tables may come twice: the dataset stays the same"
        return Finding(same, f"{fine if same else wrong}.", {"rows": n_rows, "digest": digest})


def repeated(tables: Tables, share: float, seed: int) -> tuple[Tables, int]:
    """Tables with some rows twice, and the number of rows added.

    Of an id that comes several times, the last row is the one that counts, so only that is repeated.
    """
    rng = np.random.default_rng(seed)
    users = _repeated(tables.users, tables.users.drop_duplicates("user", keep="last"), share, rng)
    items = _repeated(tables.items, tables.items.drop_duplicates("item", keep="last"), share, rng)
    events = _repeated(tables.interactions, tables.interactions, share, rng)
    more = replace(tables, users=users, items=items, interactions=events)
    names = ("users", "items", "interactions")
    return more, sum(len(getattr(more, name)) - len(getattr(tables, name)) for name in names)


def _repeated(
    frame: pd.DataFrame, eligible: pd.DataFrame, share: float, rng: np.random.Generator
) -> pd.DataFrame:
    """`frame`, its rows in their order, with some of the eligible rows again at places that are drawn."""
    n = min(max(1, round(share * len(frame))), len(eligible))
    again = eligible.iloc[rng.choice(len(eligible), n, replace=False)] if n else eligible
    place = np.concatenate([np.arange(len(frame), dtype=np.float64), rng.uniform(-1, len(frame), n)])
    every = pd.concat([frame, again], ignore_index=True)
    return every.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)
