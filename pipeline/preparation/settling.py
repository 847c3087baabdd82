"""From staged pieces to the files of a prepared folder."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from dataset.cleaning.cleaning import Cleaning
from dataset.cleaning.quarantine import Tally
from dataset.cleaning.settling import Settled, closed
from dataset.cleaning.step import STREAM
from dataset.cosing import load_cosing
from dataset.ingredients.coverage import coverage
from dataset.persistence import Saved
from dataset.storage import ORACLE, REPORT, checksums
from pipeline.artefacts import write_json
from pipeline.fingerprint import fingerprint
from pipeline.preparation.accounts import Accounts
from pipeline.preparation.events import EventSettling
from pipeline.preparation.folder import Files
from pipeline.preparation.frames import among, hashes, ordered, write_frame
from pipeline.preparation.parts import Part, SettledPart
from pipeline.preparation.staged import StagedPiece, hashes_of
from pipeline.preparation.store import Entry, Store
from pipeline.preparation.streams import TABLES, recoded_oracle
from pipeline.preparation.tables import SettledTable, references_of, settle_table, with_missing
from pipeline.progress import Stopwatch

N_MISSES: Final = 50


@dataclass(frozen=True)
class Settling:
    """All that the published files depend on.

    Parameters
    ----------
    store : Store
    code : str
        Fingerprint of our modules.
    cleaning : Cleaning
    staged : sequence of StagedPiece
        In the order of their streams.
    accounts : Accounts
        Of the staging.
    oracle : Entry or None
    inventory : str or None
        CSV of the CosIng inventory, for the coverage in the report.
    watch : Stopwatch
    """

    store: Store
    code: str
    cleaning: Cleaning
    staged: Sequence[StagedPiece]
    accounts: Accounts
    oracle: Entry | None
    inventory: str | None
    watch: Stopwatch

    def files(self, key: str, facts: Mapping[str, Any]) -> Files:
        """Settle everything; where the content of each file of the folder lies.

        Parameters
        ----------
        key : str
            Fingerprint of all input.
        facts : mapping
            To stand in the report beside the counts; made of that input.
        """
        tables = {name: self._table(name) for name in ("users", "items")}
        events = [piece for piece in self.staged if piece.facts["table"] == "interactions"]
        stated = tuple(dict.fromkeys(name for piece in events for name in piece.facts["stated"]))
        settling = EventSettling(
            self.store, self.code, events, self.cleaning, references_of(**tables, staged=self.staged), stated,
            self._tracked,
        )  # fmt: skip
        parts, carried = settling.settled()
        rest = closed(self.cleaning, carried)
        added = self._added(tables["users"], parts, events)
        accounts = self._accounts(tables, parts, rest, len(added))
        accounts.check_shares(self.cleaning.max_quarantined_share)
        accounts.check_left()
        kept = {name: place for part in parts for name, place in part.files.items()}

        def make(folder: Path) -> None:
            users, items = with_missing(tables["users"].rows, added), tables["items"].rows
            write_frame(users, folder / "users.parquet")
            write_frame(items, folder / "items.parquet")
            self._write_quarantine(tables, parts, rest, folder / "quarantine")
            oracle = recoded_oracle(self.oracle, users["user"], items["item"]) if self.oracle else None
            if isinstance(oracle, Saved):
                oracle.save(folder / ORACLE)
            sums = {name: entry.manifest[inner]["sha256"] for name, (entry, inner) in kept.items()}
            files = dict(sorted({**checksums(folder), **sums}.items()))
            report = {**accounts.report(), **facts, **self._coverage(items["ingredients"])}
            report |= {"stated": list(stated), "files": files}
            write_json(folder / REPORT, report)

        published = self.store.obtain("published", fingerprint(self.code, key), make)
        return {**{name: (published, name) for name in published.manifest}, **kept}

    def _table(self, name: str) -> SettledTable:
        pieces = [piece for piece in self.staged if piece.facts["table"] == name]
        steps, policy = self.cleaning.of(name), self.cleaning.reconcile.get(name)
        key = fingerprint(self.code, name, steps, policy, [(p.entry.key, p.stream) for p in pieces])
        return SettledTable(
            self.store.obtain("tables", key, partial(settle_table, name, pieces, self.cleaning))
        )

    def _coverage(self, ingredients: "pd.Series[Any]") -> dict[str, Any]:
        """How many of the ingredients the inventory knows, and the commonest that it does not."""
        if self.inventory is None:
            return {}
        found = coverage(ingredients, load_cosing(self.inventory))
        misses = {str(name): int(n) for name, n in found.misses.head(N_MISSES).items()}
        counts = {"mentions": found.mentions, "placed": found.placed, "share": found.share}
        return {"coverage": {**counts, "misses": misses}}

    def _tracked(self, parts: Sequence[Part], what: str) -> Iterator[Part]:
        return self.watch.track(parts, len(parts), what)

    def _added(
        self, users: SettledTable, parts: Sequence[SettledPart], events: Sequence[StagedPiece]
    ) -> list[str]:
        """Users who are known from events alone; only parts that have any are looked into."""
        known = hashes(users.rows["user"])
        strange = [p for p in parts if not among(hashes_of(events, "user", p.part.months), known).all()]
        found = [users for part in strange for users in part.users()]
        if not found:
            return []
        seen = pd.concat(found).drop_duplicates()
        return sorted(seen[~seen.isin(users.rows["user"])])

    def _accounts(
        self, tables: Mapping[str, SettledTable], parts: Sequence[SettledPart], rest: Settled, n_added: int
    ) -> Accounts:
        kept: Counter[int] = Counter()
        tally = self.accounts.tally + rest.tally
        for facts in [one.facts for one in tables.values()] + [part.facts for part in parts]:
            kept.update({int(at): n for at, n in facts["kept"].items()})
            tally += Tally.restored(facts["tally"])
        conflicts = {name: n for table in tables.values() for name, n in table.facts["conflicts"].items()}
        return replace(self.accounts, tally=tally, kept=kept, added=n_added, conflicts=conflicts)

    def _write_quarantine(
        self, tables: Mapping[str, SettledTable], parts: Sequence[SettledPart], rest: Settled, folder: Path
    ) -> None:
        """What was not kept, a file a table, ordered by stream and reason; no file where it is nothing."""
        taken = [*(piece.rejects() for piece in self.staged), *(table.taken() for table in tables.values())]
        taken += [*(part.taken() for part in parts), rest.taken]
        rows = pd.concat([frame for frame in taken if len(frame)] or [rest.taken], ignore_index=True)
        names = np.array([name for name, _ in self.accounts.streams], dtype=object)
        rows["stream"] = pd.Series(names[rows.pop(STREAM).to_numpy(np.int64)], index=rows.index, dtype="str")
        folder.mkdir()
        for table in TABLES:
            mine = rows[rows["table"] == table]
            if len(mine):
                write_frame(ordered(mine, ("stream", "level", "reason", "row")), folder / f"{table}.parquet")
