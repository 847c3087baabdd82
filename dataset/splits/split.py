"""The outcome of a split, and the guard that nothing in it sees the future."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dataset.dataset import Dataset
from dataset.errors import DataContractError
from dataset.interactions import Interactions
from dataset.snapshot import Snapshot
from dataset.splits.rules import is_among, pair_keys


@dataclass(frozen=True)
class Split:
    """Past snapshots to learn from, one to choose by, and one to judge by.

    Parameters
    ----------
    training : tuple of Snapshot
        For the ranker, newest first.
    validation : Snapshot
        For early stopping and tuning.
    test : Snapshot
        The newest; read once, for the report.
    warnings : tuple of str
        What a reader of the figures must know, a sentence each.
    """

    training: tuple[Snapshot, ...]
    validation: Snapshot
    test: Snapshot
    warnings: tuple[str, ...] = ()

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """All of them, newest first."""
        return (self.test, self.validation, *self.training)


class Splitter(Protocol):
    """A specification of how to cut the data; its fields are the configuration."""

    def split(self, dataset: Dataset) -> Split:
        """Cut `dataset` into snapshots."""
        ...

    def latest(self, dataset: Dataset) -> Snapshot:
        """The moment after the last event, with every user as a query and no truth."""
        ...


def assemble(snapshots: Sequence[Snapshot], warnings: Sequence[str], *, by_position: bool = False) -> Split:
    """The split of `snapshots`, newest first: test, validation, then those for training.

    Training snapshots without a query or without history are left out with a warning.

    Raises
    ------
    DataContractError
        If test or validation is empty, no training snapshot is left, or `check_split` fails.
    """
    test, validation, *older = snapshots
    for snapshot in (test, validation):
        reason = _empty(snapshot)
        if reason:
            raise DataContractError(
                f"The {snapshot.name} snapshot must have history and truth. Got {reason}; "
                "move the cut-off, or ask for fewer or longer windows."
            )
    left_out = [
        f"The {snapshot.name} snapshot has {_empty(snapshot)} and is left out."
        for snapshot in older
        if _empty(snapshot)
    ]
    training = tuple(snapshot for snapshot in older if not _empty(snapshot))
    if not training:
        raise DataContractError(
            f"A split needs a training snapshot with history and truth. Got none of {len(older)}; "
            "move the cut-off, or ask for fewer or longer windows."
        )
    split = Split(training, validation, test, (*warnings, *left_out))
    check_split(split, by_position=by_position)
    return split


def check_split(split: Split, *, by_position: bool = False) -> None:
    """The leakage guard: every event that is fitted on or asked with lies before its user's query.

    Parameters
    ----------
    split : Split
    by_position : bool
        Whether an event of the query's own moment may be history if it sorts before the target, as in
        leave-last-out, where the target is one event of a sequence.

    Raises
    ------
    DataContractError
        If an event of `history` or `request_history` lies at or after its user's query, `history` is not
        how `request_history` begins, or an item that a user has already got is in the truth.
    """
    for snapshot in split.snapshots:
        _check_history(snapshot, snapshot.history, by_position)
        if snapshot.request_history is not snapshot.history:
            _check_history(snapshot, snapshot.request_history, by_position)
            _check_beginning(snapshot)
        _check_truth(snapshot)


def _check_history(snapshot: Snapshot, history: Interactions, by_position: bool) -> None:
    queries = snapshot.queries
    asked_at = np.full(len(snapshot.users), snapshot.cutoff, np.int64)
    asked_at[queries.user] = queries.time
    late = history.time > asked_at[history.user]
    tied = history.time == asked_at[history.user]
    if by_position:
        target = np.full(len(snapshot.users), len(snapshot.items), np.int64)
        target[queries.user] = snapshot.truth.items.values[snapshot.truth.items.offsets[:-1]]
        tied &= history.item > target[history.user]
    n_late = int((late | tied).sum())
    if n_late:
        raise DataContractError(
            f"The history of the {snapshot.name} snapshot must lie before each user's query. "
            f"Got {n_late} events at or after it: the future has leaked into the past."
        )


def _check_beginning(snapshot: Snapshot) -> None:
    """Of each user, the events that are fitted on are the first of those that requests know."""
    history, known, n_users = snapshot.history, snapshot.request_history, len(snapshot.users)
    offsets = known.offsets(n_users)
    at = np.arange(len(history)) + (offsets - history.offsets(n_users))[history.user]
    inside = at < offsets[history.user + 1]
    same = np.ones(int(inside.sum()), bool)
    for column in ("user", "time", "item", "kind"):
        same &= getattr(known, column)[at[inside]] == getattr(history, column)[inside]
    n_others = len(history) - int(same.sum())
    if n_others:
        raise DataContractError(
            f"What the {snapshot.name} snapshot is fitted on must be how its requests' histories begin. "
            f"Got {n_others} events that are not: models know what requests do not."
        )


def _check_truth(snapshot: Snapshot) -> None:
    truth = snapshot.truth
    if len(truth) != len(snapshot.queries) or not (truth.items.lengths > 0).all():
        raise DataContractError(f"Every query of the {snapshot.name} snapshot must have truth.")
    known = snapshot.request_history
    owning = known.take(known.is_kind(snapshot.owned_kinds))
    n_items = len(snapshot.items)
    user = snapshot.queries.user[truth.items.rows].astype(np.int64)
    n_owned = int(is_among(user * n_items + truth.items.values, pair_keys(owning, n_items)).sum())
    if n_owned:
        raise DataContractError(
            f"The truth of the {snapshot.name} snapshot must not hold what users already have. "
            f"Got {n_owned} such items; allow repurchase, or leave them out."
        )


def _empty(snapshot: Snapshot) -> str:
    """What a snapshot lacks, or an empty string."""
    if not len(snapshot.history):
        return "no event before it"
    return "" if len(snapshot.queries) else "no user with a truth item"
