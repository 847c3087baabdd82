"""Whether each snapshot holds the past alone: looked up event by event in the whole data."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.dataset import Dataset
from dataset.interactions import Interactions
from dataset.items import UNKNOWN_TIME
from dataset.snapshot import Snapshot
from dataset.splits.leave_last_out import LeaveLastOut
from dataset.splits.rules import is_among, pair_keys
from pipeline.audit.audited import Audited, Finding
from pipeline.audit.later import asked_at, is_late, target_kinds

_EXAMPLES: Final = 3


@dataclass(frozen=True, kw_only=True)
class PastAlone:
    """History before each query and truth behind it; in the catalogue only what was known.

    Asked of the events themselves, not of the guard that every split has (`dataset.splits.split`).
    """

    def check(self, audited: Audited) -> Finding:
        """Look at every snapshot."""
        sentences: list[str] = []
        figures = {}
        for snapshot in audited.split.snapshots:
            counts = {}
            for name, (n, sentence) in _checked(audited, snapshot).items():
                counts[name] = n
                sentences += [f"{sentence}."] if n else []
            figures[snapshot.name] = {"events": len(snapshot.request_history), **counts}
        fine = (
            f"{len(figures)} snapshots hold what lies before their queries, truth that lies behind them, and "
            "products known by then."
        )
        return Finding(not sentences, sentences[0] if sentences else fine, {"snapshots": figures})


def n_late(audited: Audited, snapshot: Snapshot) -> int:
    """Events of a snapshot that lie at or after their user's query, or only in requests."""
    return max(len(_late(audited, snapshot, events)) for _, events in _histories(snapshot))


def _checked(audited: Audited, snapshot: Snapshot) -> dict[str, tuple[int, str]]:
    """By name, how many offenders there are, and what to say of them."""
    return {
        "late": _late_events(audited, snapshot),
        "out_of_place": _out_of_place(audited, snapshot),
        "owned_truth": _owned_truth(audited.dataset, snapshot),
        "misplaced_truth": _misplaced_truth(audited, snapshot),
        "unknown_products": _unknown_products(audited, snapshot),
    }


def _histories(snapshot: Snapshot) -> Iterator[tuple[str, Interactions]]:
    yield "history", snapshot.history
    if snapshot.request_history is not snapshot.history:
        yield "request history", snapshot.request_history


def _late(audited: Audited, snapshot: Snapshot, events: Interactions) -> npt.NDArray[np.int64]:
    """Rows of `events` at or after their user's query."""
    if not isinstance(audited.experiment.splitter, LeaveLastOut):
        return np.flatnonzero(events.time >= asked_at(snapshot)[events.user])
    n_users, every = len(snapshot.users), audited.dataset.interactions
    early = every.user[~is_late(audited.dataset, audited.experiment.splitter, snapshot)]
    allowed = np.bincount(early, minlength=n_users)
    return np.flatnonzero(_place(events, n_users) >= allowed[events.user])


def _late_events(audited: Audited, snapshot: Snapshot) -> tuple[int, str]:
    for name, events in _histories(snapshot):
        rows = _late(audited, snapshot, events)
        if len(rows):
            return len(rows), (
                f"The {name} of the {snapshot.name} snapshot holds {_n(len(rows), 'event')} at or after the "
                f"user's query: {_events(audited.dataset, events, rows)}"
            )
    return 0, ""


def _out_of_place(audited: Audited, snapshot: Snapshot) -> tuple[int, str]:
    """Events of the history that are not, one by one, the first that their users did."""
    every, n_users = audited.dataset.interactions, len(snapshot.users)
    offsets = every.offsets(n_users)
    for name, events in _histories(snapshot):
        at = offsets[events.user] + _place(events, n_users)
        wrong = at >= offsets[events.user + 1]
        at = np.minimum(at, len(every) - 1)
        for column in ("user", "time", "item", "kind"):
            wrong |= getattr(every, column)[at] != getattr(events, column)
        rows = np.flatnonzero(wrong)
        if len(rows):
            return len(rows), (
                f"The {name} of the {snapshot.name} snapshot has {_n(len(rows), 'event')} behind others "
                "that it leaves out, so that it lies behind what is asked for: "
                f"{_events(audited.dataset, events, rows)}"
            )
    return 0, ""


def _owned_truth(dataset: Dataset, snapshot: Snapshot) -> tuple[int, str]:
    """Items of the truth that the user already has."""
    keys, owned = _truth_keys(snapshot), snapshot.owned
    pool = owned.rows.astype(np.int64) * len(snapshot.items) + owned.values
    wrong = keys[is_among(keys, pool)]
    return len(wrong), (
        f"The truth of the {snapshot.name} snapshot holds {_n(len(wrong), 'product')} that the user has got "
        f"before: {_pairs(dataset, wrong)}"
    )


def _misplaced_truth(audited: Audited, snapshot: Snapshot) -> tuple[int, str]:
    """Items of the truth that the user did not take at or after the query, or only after that of the test."""
    dataset, splitter, test = audited.dataset, audited.experiment.splitter, audited.split.test
    events = dataset.interactions
    right = is_late(dataset, splitter, snapshot) & events.is_kind(target_kinds(splitter))
    if snapshot is not test:
        right &= ~is_late(dataset, splitter, test)
    keys = _truth_keys(snapshot)
    wrong = keys[~is_among(keys, pair_keys(events.take(right), len(snapshot.items)))]
    when = "after the query" if snapshot is test else "between the query and that of the test"
    return len(wrong), (
        f"The truth of the {snapshot.name} snapshot holds {_n(len(wrong), 'product')} that the user did "
        f"not take {when}: {_pairs(dataset, wrong)}"
    )


def _unknown_products(audited: Audited, snapshot: Snapshot) -> tuple[int, str]:
    """Items of the catalogue neither launched by the cut-off nor seen before it."""
    launched, history = snapshot.items.launched, snapshot.history
    known = launched <= snapshot.cutoff
    if isinstance(audited.experiment.splitter, LeaveLastOut):  # where there is no date, there is no telling
        known |= launched == UNKNOWN_TIME
    early = np.ones(len(history), bool)
    early[_late(audited, snapshot, history)] = False
    known[history.item[early]] = True
    wrong = np.flatnonzero(snapshot.catalogue & ~known)
    names = ", ".join(audited.dataset.item_ids.ids[code] for code in wrong[:_EXAMPLES])
    return len(wrong), (
        f"The catalogue of the {snapshot.name} snapshot holds {_n(len(wrong), 'product')} neither launched "
        f"by the cut-off nor seen before it: {names}"
    )


def _place(events: Interactions, n_users: int) -> npt.NDArray[np.int64]:
    """How many events of the same user precede each event, int64 of shape (n,)."""
    return np.arange(len(events)) - events.offsets(n_users)[events.user]


def _truth_keys(snapshot: Snapshot) -> npt.NDArray[np.int64]:
    """One number for each pair of user and item in the truth."""
    truth = snapshot.truth.items
    keys: npt.NDArray[np.int64] = snapshot.queries.user[truth.rows].astype(np.int64) * len(snapshot.items)
    return keys + truth.values


def _n(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' if n > 1 else ''}"


def _events(dataset: Dataset, events: Interactions, rows: npt.NDArray[np.int64]) -> str:
    """The first few, as a person would look them up."""
    return _pairs(dataset, pair_keys(events.take(rows[:_EXAMPLES]), len(dataset.items)))


def _pairs(dataset: Dataset, keys: npt.NDArray[np.int64]) -> str:
    users, items = dataset.user_ids.ids, dataset.item_ids.ids
    pairs = (divmod(key, len(items)) for key in keys[:_EXAMPLES].tolist())
    return ", ".join(f"{users[user]} and {items[item]}" for user, item in pairs)
