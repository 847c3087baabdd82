"""The synthetic shop as a source: data of any size, with the truth beside it."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset.canonical import Tables
from dataset.errors import ParameterError
from dataset.parameters import check_int, check_number
from dataset.shop.generate import GeneratedTables, Plan, generate


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A beauty retailer whose customers choose by a known model (see `dataset.shop`).

    Every parameter changes the results. The catalogue depends on the seed, `n_items` and `n_days`
    alone.

    Parameters
    ----------
    n_users, n_items : int
        At least 1. Some users have no event at all; some items are launched too late to be bought.
    n_days : int
        Length of the history, 1 to 30,000.
    events_per_user : float
        Mean number of events of all kinds, at least 0; one in 4.6 is a purchase. Activity is
        heavy-tailed.
    late_share : float
        Share of users whose first event falls into the last fifth of the time, 0 to 1.
    epoch_days : int
        Fashion and the range on sale change so often.
    start : str
        First day, ISO date, UTC.
    seed : int
        Equal seeds, equal tables, row for row.

    Examples
    --------
    >>> tables = Shop(n_users=5, n_items=9, n_days=60).read()
    >>> len(tables.users), len(tables.items)
    (5, 9)
    """

    n_users: int = 2_000
    n_items: int = 600
    n_days: int = 730
    events_per_user: float = 100.0
    late_share: float = 0.13
    epoch_days: int = 30
    start: str = "2022-01-01"
    seed: int = 0

    def __post_init__(self) -> None:
        check_int(self, "n_users", low=1)
        check_int(self, "n_items", low=1)
        check_int(self, "n_days", low=1, high=30_000)
        check_number(self, "events_per_user", low=0)
        check_number(self, "late_share", low=0, high=1)
        check_int(self, "epoch_days", low=1)
        check_int(self, "seed", low=0)
        self._start()

    def inputs(self) -> Sequence[Path]:
        """No files: everything comes from the fields."""
        return ()

    def read(self) -> Tables:
        """Generate the shop, all events at once."""
        return self.in_parts().whole()

    def in_parts(self) -> GeneratedTables:
        """Generate the shop, its events when they are asked for: memory does not grow with them."""
        return generate(
            Plan(
                n_users=self.n_users,
                n_items=self.n_items,
                n_days=self.n_days,
                events_per_user=self.events_per_user,
                epoch_days=self.epoch_days,
                late_share=self.late_share,
                start=self._start(),
                seed=self.seed,
            )
        )

    def _start(self) -> int:
        """The first second since 1970 UTC."""
        try:
            day = datetime.date.fromisoformat(self.start)
        except (TypeError, ValueError) as error:
            raise ParameterError("Shop", "start", 'a date such as "2022-01-01"', self.start) from error
        return (day - datetime.date(1970, 1, 1)).days * 86_400
