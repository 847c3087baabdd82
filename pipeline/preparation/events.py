"""Interactions through their cleaning, part by part, the newest first, so that a return finds the purchase
that came before it."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from dataset.cleaning.cleaning import Cleaning
from dataset.cleaning.quarantine import HIDDEN
from dataset.cleaning.references import References
from dataset.cleaning.settling import Settled, refer, settle
from dataset.cleaning.step import STREAM, State
from dataset.storage import EVENT_COLUMNS
from pipeline.fingerprint import fingerprint
from pipeline.preparation.frames import among, hashed, hashes, ordered, read_frame, write_frame
from pipeline.preparation.parts import Part, SettledPart, parts_of
from pipeline.preparation.staged import StagedPiece, hashes_of
from pipeline.preparation.store import Entry, Store

FIRST: Final = ("timestamp", "user", "item", "kind", "value", "quantity")
_FACTS: Final = "facts.json"

Carried: TypeAlias = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class EventSettling:
    """All that the settling of a part depends on, but the part.

    Parameters
    ----------
    store : Store
    code : str
        Fingerprint of our modules.
    pieces : sequence of StagedPiece
        Of the interactions, in the order of their streams.
    cleaning : Cleaning
    references : References
    stated : sequence of str
        Attribute columns that the parts are to have.
    track : callable
        Shows progress over the parts.
    """

    store: Store
    code: str
    pieces: Sequence[StagedPiece]
    cleaning: Cleaning
    references: References
    stated: Sequence[str]
    track: Callable[[Sequence[Part], str], Iterator[Part]]
    _relevant: dict[tuple[str, ...], str] = field(default_factory=dict)

    def settled(self) -> tuple[list[SettledPart], Carried]:
        """Every part, the newest first, and what the oldest one leaves open."""
        states = self._states()
        carried: Carried = {}
        done = []
        for part in self.track(parts_of(self.pieces), "settling"):
            entry, carried = self._passed(part, states, carried, None)
            done.append(SettledPart(part, entry))
        return done, carried

    def _states(self) -> dict[str, State]:
        """Statistics of the whole table for the steps that need them, in their order."""
        states: dict[str, State] = {}
        for name, step in self.cleaning.of("interactions").items():
            if step.surveys:
                carried: Carried = {}
                found = []
                for part in self.track(parts_of(self.pieces), f"surveying for {name}"):
                    entry, carried = self._passed(part, states, carried, name)
                    found.append(json.loads(entry.file(_FACTS).read_text(encoding="utf-8"))["state"])
                states[name] = step.merged(found)
        return states

    def _passed(
        self, part: Part, states: Mapping[str, State], carried: Carried, until: str | None
    ) -> tuple[Entry, Carried]:
        """A part through its steps, or those before `until`, and all that is carried on."""
        near, far = self._divided(part, carried)
        mine = [piece for piece in self.pieces if set(part.months) & set(piece.months)]
        steps = tuple(self.cleaning.of("interactions").items())
        key = fingerprint(
            (self.code, part, until, tuple(self.stated), steps, json.dumps(states, sort_keys=True)),
            [(piece.entry.key, piece.stream) for piece in mine],
            self._relevance(part.months),
            {name: _digest(rows) for name, rows in near.items()},
        )

        def make(folder: Path) -> None:
            known = refer(self._events(part, mine), self.references)
            done = settle("interactions", known.frame, self.cleaning, states, near, until)
            if until is None:
                _write(part, known, done, folder)
            else:
                state = self.cleaning.steps[until].survey(done.frame)
                _write_facts({"state": state, "carried": list(done.carried)}, folder)
            for name, rows in done.carried.items():
                write_frame(ordered(rows, FIRST), folder / f"carried-{name}.parquet")

        entry = self.store.obtain("parts" if until is None else "surveys", key, make)
        names = json.loads(entry.file(_FACTS).read_text(encoding="utf-8"))["carried"]
        out = {name: read_frame(entry.file(f"carried-{name}.parquet")) for name in names}
        return entry, _merged(out, far)

    def _events(self, part: Part, pieces: Sequence[StagedPiece]) -> pd.DataFrame:
        frames = [
            frame if part.n_buckets == 1 else frame[part.holds(frame["user"])]
            for piece in pieces
            for frame in piece.events(part.months)
        ]
        events = pd.concat(frames, ignore_index=True)
        events = events.reindex(columns=[*EVENT_COLUMNS, *self.stated, STREAM])
        return events.astype(dict.fromkeys(self.stated, "str"))

    def _divided(self, part: Part, carried: Carried) -> tuple[Carried, Carried]:
        """What is carried, by whether its user has events in the part: to others it can do nothing."""
        near, far = {}, {}
        for name, rows in carried.items():
            there = among(hashed(rows["user"]), hashes_of(self.pieces, "user", part.months))
            there &= part.holds(rows["user"])
            near[name], far[name] = rows[there].reset_index(drop=True), rows[~there]
        return {name: rows for name, rows in near.items() if len(rows)}, far

    def _relevance(self, months: tuple[str, ...]) -> str:
        """Fingerprint of what is to be known of the users and items of these months, and of no others."""
        if months not in self._relevant:
            ids = {name: hashes_of(self.pieces, name, months) for name in ("user", "item")}
            unknown = ids["item"][~among(ids["item"], self._hashes["items"])]
            others = {
                name: found[among(found, ids["user" if name.endswith("users") else "item"])]
                for name, found in self._hashes.items()
                if name != "items"
            }
            self._relevant[months] = fingerprint(unknown, others)
        return self._relevant[months]

    @cached_property
    def _hashes(self) -> Mapping[str, npt.NDArray[np.uint64]]:
        """Hashes of the ids of each field of the references."""
        ids = {
            f.name: pd.Series(getattr(self.references, f.name), dtype="str") for f in fields(self.references)
        }
        return {name: hashes(column) for name, column in ids.items()}


def _write(part: Part, known: Settled, done: Settled, folder: Path) -> None:
    kept = ordered(done.frame, FIRST)
    months = kept["timestamp"].dt.tz_localize(None).to_numpy().astype("datetime64[M]")
    streams = {str(at): int(n) for at, n in kept[STREAM].value_counts().sort_index().items()}
    kept = kept.drop(columns=[name for name in HIDDEN if name in kept])
    files = []
    for month in np.unique(months):
        start, end = np.searchsorted(months, [month, month + 1])
        files.append(part.file(str(month)))
        write_frame(kept.iloc[start:end], folder / files[-1])
    write_frame(pd.concat([known.taken, done.taken], ignore_index=True), folder / "taken.parquet")
    tally = (known.tally + done.tally).plain()
    _write_facts({"tally": tally, "kept": streams, "files": files, "carried": list(done.carried)}, folder)


def _write_facts(facts: Mapping[str, object], folder: Path) -> None:
    (folder / _FACTS).write_text(json.dumps(facts), encoding="utf-8")


def _merged(one: Carried, other: Carried) -> Carried:
    """Both, in an order that does not tell what parts the rows have passed."""
    both = {name: [rows[name] for rows in (one, other) if name in rows] for name in sorted({**one, **other})}
    whole = {name: pd.concat(rows, ignore_index=True) for name, rows in both.items()}
    return {name: ordered(rows, FIRST) for name, rows in whole.items() if len(rows)}


def _digest(rows: pd.DataFrame) -> str:
    text = rows.to_json(orient="split", date_format="iso", date_unit="us", index=False)
    return hashlib.sha256(str(text).encode("utf-8", "surrogatepass")).hexdigest()
