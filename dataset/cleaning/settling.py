"""A table, or a part of one, through its cleaning; `pipeline` calls this part by part, `clean` once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from dataset.canonical import no_rejects
from dataset.cleaning.cleaning import Cleaning
from dataset.cleaning.quarantine import HIDDEN, Tally
from dataset.cleaning.reconciling import KEYS, reconciled
from dataset.cleaning.references import References
from dataset.cleaning.step import STREAM, Applied, State, Step
from dataset.contracts import TRANSITIONAL_KINDS, violations
from dataset.interactions import KINDS
from dataset.sources.files import rejects
from dataset.sources.stream import LEFT_OUT

CONTRACT: Final = "contract"
RECONCILING: Final = "reconcile"
"""They stand for steps in the counts of changed cells."""


def no_taken() -> pd.DataFrame:
    """No rows quarantined."""
    return no_rejects().assign(**{STREAM: pd.Series([], dtype="int64")})


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What became of the rows of a table or a part.

    Rows in + carried in = kept + taken + merged + carried out.

    Parameters
    ----------
    frame : DataFrame
        Rows kept.
    taken : DataFrame
        Rows quarantined, as `Tables.rejected`, with a further column `_stream` (int).
    tally : Tally
        Counts of the rows quarantined and merged and of the cells changed.
    carried : mapping of str to DataFrame
        By step, rows for the next earlier part, and in the end for `closed`.
    conflicts : mapping of str to int
        Ids of which rows say different things, by column; of `reconcile` only.
    """

    frame: pd.DataFrame
    taken: pd.DataFrame = field(default_factory=no_taken)
    tally: Tally = field(default_factory=Tally)
    carried: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    conflicts: Mapping[str, int] = field(default_factory=dict)


def checked(table: str, frame: pd.DataFrame, stated: Sequence[str] = ()) -> Settled:
    """A chunk, or a table, without the rows that break the contract; transitional kinds pass, and
    what is returned is counted from 0 upwards.

    Parameters
    ----------
    table : str
    frame : DataFrame
        Of any distinct labels.
    stated : sequence of str
        Attribute columns of interactions.

    Raises
    ------
    DataContractError
        If a column is missing or of another type.
    """
    plain = frame.reset_index(drop=True)
    kinds = (*KINDS, *TRANSITIONAL_KINDS)
    found = violations(table, plain.drop(columns=_hidden(plain)), stated, kinds)
    labels = frame.index[found["row"].to_numpy()]
    reasons = pd.Series(found["reason"].to_numpy(), index=labels, dtype="str")
    kept = frame.drop(labels) if len(labels) else frame
    kept, changed = _without_signs(kept) if table == "interactions" else (kept, {})
    return _after(table, CONTRACT, frame, Applied(frame=kept, removed=reasons, changed=changed))


def _without_signs(events: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Some shops write a return of one as a quantity of -1."""
    below = events["quantity"] < 0
    if not below.any():
        return events, {}
    changed = {"quantity: sign of a return dropped": int(below.sum())}
    return events.assign(quantity=events["quantity"].abs()), changed


def reconcile(table: str, frame: pd.DataFrame, cleaning: Cleaning) -> Settled:
    """Users or items, one row an id; the rows in the order of their streams and files."""
    one = reconciled(table, frame, cleaning.reconcile.get(table, "last"))
    after = _after(table, RECONCILING, frame, one.applied)
    return Settled(frame=after.frame, taken=after.taken, tally=after.tally, conflicts=one.conflicts)


def refer(events: pd.DataFrame, references: References) -> Settled:
    """Events without those of users and products that nobody knows or that were quarantined."""
    return _after("interactions", "references", events, references.applied(events))


def settle(
    table: str,
    frame: pd.DataFrame,
    cleaning: Cleaning,
    states: Mapping[str, State],
    carried: Mapping[str, pd.DataFrame] | None = None,
    until: str | None = None,
) -> Settled:
    """A table or part through all steps of its table, or those before the one called `until`.

    Parameters
    ----------
    table : str
    frame : DataFrame
        Users and items after `reconcile`; interactions after `refer`, all of a user and UTC month.
    cleaning : Cleaning
    states : mapping of str to State
        Of the steps that survey, by key: `step.merged` of `step.survey(settle(..., until=key).frame)` of
        all parts, in the order of the steps.
    carried : mapping of str to DataFrame or None
        Out of the next later part.
    until : str or None
        Key of a step.
    """
    at = Settled(frame=frame)
    passed: dict[str, pd.DataFrame] = {}
    for name, step in cleaning.of(table).items():
        if name == until:
            return _joined(at, Settled(frame=at.frame), passed)
        entering = _entering(step, at.frame, (carried or {}).get(name))
        applied = step.applied(entering, states[name] if step.surveys else None)
        if applied.carried is not None:
            passed[name] = applied.carried
        at = _joined(at, _after(table, name, entering, applied), passed)
    return _joined(at, _final(table, at.frame), passed)


def closed(cleaning: Cleaning, carried: Mapping[str, pd.DataFrame]) -> Settled:
    """What is left of the rows that were carried out of the oldest part of the interactions."""
    at: Settled | None = None
    for name, step in cleaning.of("interactions").items():
        if name in carried:
            rows = carried[name].reset_index(drop=True)
            after = _after("interactions", name, rows, step.closed(rows))
            at = after if at is None else _joined(at, after, {})
    return at if at is not None else Settled(frame=pd.DataFrame())


def left_out(table: str, taken: pd.DataFrame) -> "pd.Series[str]":
    """Ids of the users or items that steps left out because the configuration says so; see `References`."""
    rows = taken.loc[taken["reason"].str.startswith(LEFT_OUT), "row"]
    return pd.Series([json.loads(row)[KEYS[table]] for row in rows.tolist()], dtype="str")


def survey(table: str, frame: pd.DataFrame, cleaning: Cleaning) -> dict[str, State]:
    """The states of a table that is in one part."""
    states: dict[str, State] = {}
    for name, step in cleaning.of(table).items():
        if step.surveys:
            states[name] = step.merged([step.survey(frame)])
        frame = step.applied(frame, states.get(name)).frame
    return states


def _entering(step: Step, frame: pd.DataFrame, carried: pd.DataFrame | None) -> pd.DataFrame:
    if not step.carries or carried is None or not len(carried):
        return frame
    return pd.concat([frame, carried], ignore_index=True)


def _final(table: str, frame: pd.DataFrame) -> Settled:
    """Events of a kind that a step should have settled, and no step did."""
    if table != "interactions":
        return Settled(frame=frame)
    left = frame.index[frame["kind"].isin(TRANSITIONAL_KINDS)]
    why = "kind is " + frame.loc[left, "kind"] + ", which no step settles"
    return _after(table, CONTRACT, frame, Applied(frame=frame.drop(left), removed=why.astype("str")))


def _after(table: str, step: str, entering: pd.DataFrame, applied: Applied) -> Settled:
    """Rows and counts of one step."""
    taken = []
    for reason, why in applied.removed.groupby(applied.removed, sort=True) if len(applied.removed) else ():
        rows = entering.loc[why.index]
        one = rejects(table, "row", str(reason), rows.drop(columns=_hidden(rows)))
        one[STREAM] = rows[STREAM].to_numpy() if STREAM in rows else 0
        taken.append(one)
    tally = Tally(cells={(table, step, how): n for how, n in applied.changed.items()})
    for outcome, why in (("quarantined", applied.removed), ("merged", applied.merged)):
        tally += Tally.of(table, outcome, entering, why)
    return Settled(frame=applied.frame, taken=_together(taken), tally=tally)


def _joined(one: Settled, other: Settled, carried: Mapping[str, pd.DataFrame]) -> Settled:
    return Settled(
        frame=other.frame,
        taken=_together([one.taken, other.taken]),
        tally=one.tally + other.tally,
        carried=carried,
    )


def _together(taken: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [rows for rows in taken if len(rows)]
    return pd.concat(filled, ignore_index=True) if filled else no_taken()


def _hidden(frame: pd.DataFrame) -> list[str]:
    return [name for name in HIDDEN if name in frame]
