"""Whatever the steps and the parts: every row is accounted for, and the result is the same."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.canonical import Tables
from dataset.cleaning import NAMES, Cleaning, clean
from dataset.cleaning.quarantine import HIDDEN, Tally
from dataset.cleaning.references import References
from dataset.cleaning.settling import checked, closed, left_out, reconcile, refer, settle, survey
from dataset.cleaning.step import STREAM, State
from dataset.contracts import violations
from dataset.encoding import encode
from tests.dataset.dirty_tables import dirty, every_step

STEPS = every_step()
CHOSEN = st.lists(st.sampled_from(sorted(STEPS)), unique=True)
SEEDS = st.integers(0, 2**20)


def _cleaning(names: list[str]) -> Cleaning:
    return Cleaning(steps={name: STEPS[name] for name in names}, max_quarantined_share=1.0)


def _sorted(frame: pd.DataFrame) -> list[str]:
    return sorted(map(repr, frame.astype(object).where(frame.notna(), None).to_dict("records")))


@pytest.mark.slow
def test_every_row_is_accounted_for_in_parts_as_in_the_whole() -> None:
    _check_parts(3, sorted(STEPS))


@pytest.mark.slow
def test_clean_tables_keep_their_contracts() -> None:
    _check_contracts(4, sorted(STEPS, reverse=True))


@pytest.mark.slow
@given(SEEDS, CHOSEN)
@settings(max_examples=25)
def test_every_row_is_accounted_for_whatever_the_steps(seed: int, names: list[str]) -> None:
    _check_parts(seed, names)


@pytest.mark.slow
@given(SEEDS, CHOSEN)
@settings(max_examples=12)
def test_clean_tables_keep_their_contracts_whatever_the_steps(seed: int, names: list[str]) -> None:
    _check_contracts(seed, names)


@given(SEEDS, SEEDS)
@settings(max_examples=3)
def test_states_add_up_however_a_table_is_divided(seed: int, division: int) -> None:
    tables, rng = dirty(seed), np.random.default_rng(division)
    for step in STEPS.values():
        if not step.surveys:
            continue
        frame = getattr(tables, step.table)
        at = rng.integers(0, 4, len(frame))
        parts = [step.survey(frame[at == part].sample(frac=1.0, random_state=3)) for part in range(4)]
        rng.shuffle(parts)
        assert step.merged([step.merged(parts[:2]), *parts[2:]]) == step.merged([step.survey(frame)])


def _check_parts(seed: int, names: list[str]) -> None:
    tables, cleaning = dirty(seed), _cleaning(names)
    whole, quarantine = clean(tables, cleaning)
    parts = _in_parts(tables, cleaning, np.random.default_rng(seed))
    for table in NAMES:
        kept, taken, tally = parts[table]
        _check_counts(table, getattr(tables, table), kept, taken, tally)
        mine = getattr(whole, table)
        if table == "users":  # without those who are known from events alone
            mine = mine[mine["user"].isin(kept["user"])]
        assert _sorted(kept.drop(columns=[STREAM])) == _sorted(mine)
        theirs = quarantine.rows[quarantine.rows["table"] == table]
        assert _sorted(taken.drop(columns=[STREAM])) == _sorted(theirs)
        start = f"{table}: "
        merged = {why.removeprefix(start): n for why, n in quarantine.merged.items() if why.startswith(start)}
        assert tally.total(table, "merged") == merged
    assert sum((parts[table][2] for table in NAMES), Tally()).changed() == quarantine.changed


def _check_counts(
    table: str, raw: pd.DataFrame, kept: pd.DataFrame, taken: pd.DataFrame, tally: Tally
) -> None:
    """Rows in are rows kept, quarantined or merged, by stream; the quarantine holds those of each reason."""
    for stream in (0, 1):
        counts = {
            (what, why): n for (name, at, what, why), n in tally.rows.items() if (name, at) == (table, stream)
        }
        assert (raw[STREAM] == stream).sum() == (kept[STREAM] == stream).sum() + sum(counts.values())
        found = taken.loc[taken[STREAM] == stream, "reason"].value_counts().to_dict()
        assert found == {why: n for (what, why), n in counts.items() if what == "quarantined"}
    assert Tally.restored(json.loads(json.dumps(tally.plain()))) == tally


def _check_contracts(seed: int, names: list[str]) -> None:
    tables, cleaning = dirty(seed), _cleaning(names)
    cleaned, quarantine = clean(tables, cleaning)
    for table in NAMES:
        stated = tables.stated if table == "interactions" else ()
        assert not len(violations(table, getattr(cleaned, table), stated))
        assert not set(HIDDEN) & set(getattr(cleaned, table))
    shuffled = replace(tables, interactions=tables.interactions.sample(frac=1.0, random_state=seed))
    again, other = clean(shuffled, cleaning)
    assert encode(again, "x").digest == encode(cleaned, "x").digest
    assert other.report() == quarantine.report()


def _in_parts(tables: Tables, cleaning: Cleaning, rng: np.random.Generator) -> Mapping[str, Any]:
    """What `pipeline` does: contracts by chunk, events by month and bucket of users, from the newest back."""
    done: dict[str, Any] = {}
    kept, out = {}, {}
    for table, key in (("users", "user"), ("items", "item")):
        frame, taken, tally = _checked(table, getattr(tables, table), (), rng)
        one = reconcile(table, frame, cleaning)
        settled = settle(table, one.frame, cleaning, survey(table, one.frame, cleaning))
        kept[table], out[table] = settled.frame[key], left_out(table, settled.taken)
        every = pd.concat([taken, one.taken, settled.taken])
        done[table] = (settled.frame, every, tally + one.tally + settled.tally)
    seen = {"users": tables.users["user"], "items": tables.items["item"]}
    frame, taken, tally = _checked("interactions", tables.interactions, tables.stated, rng)
    known = refer(frame, References.of(kept, seen, out))
    month = known.frame["timestamp"].dt.strftime("%Y-%m")
    bucket = known.frame["user"].map(len) % 2
    parts = [
        rows
        for _, rows in sorted(known.frame.groupby([bucket, month]), key=lambda part: part[0], reverse=True)
    ]
    states: dict[str, State] = {}
    for name, step in cleaning.of("interactions").items():
        if step.surveys:
            seen_by = [rows.frame for rows in _chain(parts, cleaning, states, name)]
            states[name] = step.merged([step.survey(part) for part in seen_by])
    ends = _chain(parts, cleaning, states, None)
    frames = [*(end.frame for end in ends), known.frame.iloc[:0]]
    tally = sum((end.tally for end in ends), tally + known.tally)
    taken = pd.concat([taken, known.taken, *(end.taken for end in ends)])
    done["interactions"] = (pd.concat([f for f in frames if STREAM in f]), taken, tally)
    return done


def _chain(
    parts: list[pd.DataFrame], cleaning: Cleaning, states: Mapping[str, State], until: str | None
) -> list[Any]:
    ends: list[Any] = []
    carried: Mapping[str, pd.DataFrame] = {}
    for at, part in enumerate(parts):
        if at and (part["user"].map(len) % 2).iloc[0] != (parts[at - 1]["user"].map(len) % 2).iloc[0]:
            ends.append(closed(cleaning, carried))
            carried = {}
        ends.append(settle("interactions", part, cleaning, states, carried, until))
        carried = ends[-1].carried
    return (
        [*ends, closed(cleaning, carried)] if until is None else [end for end in ends if STREAM in end.frame]
    )


def _checked(table: str, frame: pd.DataFrame, stated: Any, rng: np.random.Generator) -> Any:
    at = np.sort(rng.integers(0, 2, len(frame)))
    chunks = [checked(table, frame[at == chunk], stated) for chunk in range(2)]
    tally = sum((chunk.tally for chunk in chunks), Tally())
    return pd.concat([c.frame for c in chunks]), pd.concat([c.taken for c in chunks]), tally
