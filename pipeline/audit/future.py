"""Poisoning: all that comes after a cut-off is rewritten, and nothing that is made before it may change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataset.dataset import Dataset
from dataset.errors import DataContractError
from dataset.parameters import check_int
from dataset.queries import Qrels
from dataset.ragged import Ragged
from dataset.snapshot import Snapshot
from dataset.splits.split import Splitter
from pipeline.audit.audited import Audited, Finding
from pipeline.audit.fingerprints import of_answers, of_fitted, of_snapshot
from pipeline.audit.later import is_late
from pipeline.audit.poison import poisoned
from pipeline.audit.split import n_late
from pipeline.cache import Cache
from pipeline.stage_one import StageOneFitter

_NAMED: Final = 6  # offenders that a sentence names; the others are in the figures


@dataclass(frozen=True, kw_only=True)
class Future:
    """For every snapshot, every event behind it is drawn anew and stage one is fitted again.

    Fingerprints of what the snapshot holds, of every embedding, source and family as fitted, and of the
    histories, candidates and features of some queries must be the same; a part whose is not has seen the
    future, and is named.

    Parameters
    ----------
    queries : int
        Queries of a snapshot whose candidates and features are compared, drawn from all; what is fitted is
        compared whole. Time grows with it.
    seed : int
        Of what is drawn.
    """

    queries: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        check_int(self, "queries", low=1)
        check_int(self, "seed", low=0)

    def check(self, audited: Audited) -> Finding:
        """Rewrite the future of one snapshot after the other."""
        found: dict[str, Any] = {}
        for at, snapshot in enumerate(audited.split.snapshots):
            audited.say(f"future: {snapshot.name}")
            found[snapshot.name] = self._of(audited, snapshot, self.seed + at)
        guilty = {name: figures["offenders"] for name, figures in found.items() if figures["offenders"]}
        n_parts = sum(figures["parts"] for figures in found.values())
        n_events = sum(figures["rewritten"] for figures in found.values())
        same = (
            f"{n_parts:,} parts of {len(found)} snapshots stay as they are when the {n_events:,} events "
            "behind them are rewritten."
        )
        return Finding(not guilty, _sentence(guilty) if guilty else same, {"snapshots": found})

    def _of(self, audited: Audited, snapshot: Snapshot, seed: int) -> dict[str, Any]:
        """How much of a snapshot was rewritten and compared, and what changed by it, causes first."""
        splitter = audited.experiment.splitter
        rewritten = int(is_late(audited.dataset, splitter, snapshot).sum())
        changed: list[str] = []
        if n_late(audited, snapshot):
            changed.append("history")
        if not rewritten:
            changed.append("truth, which does not lie behind the cut-off")
        rows = self._rows(len(snapshot.queries))
        blocks = [rows[part] for part in audited.experiment.recommender.blocks(len(rows))]
        before = _parts(audited.fitter, snapshot, blocks)
        try:
            other = poisoned(audited.dataset, splitter, snapshot, seed)
            again = asked_alike(splitter, other, snapshot, seed)
        except DataContractError as error:
            return _figures(rewritten, before, [*changed, f"the split, which refuses other data: {error}"])
        # Not remembered: under a leak that the fingerprint of the past does not see, a cache would hide it.
        after = _parts(replace(audited.fitter, cache=Cache(None)), again, blocks)
        names = dict.fromkeys((*before, *after))
        changed += [name for name in names if before.get(name) != after.get(name)]
        return _figures(rewritten, before, list(dict.fromkeys(changed)))

    def _rows(self, n: int) -> npt.NDArray[np.int64]:
        """Rows of the queries that are compared, ascending."""
        if n <= self.queries:
            return np.arange(n)
        return np.sort(np.random.default_rng(self.seed).choice(n, self.queries, replace=False))


def asked_alike(splitter: Splitter, other: Dataset, snapshot: Snapshot, seed: int = 0) -> Snapshot:
    """The same snapshot of another dataset, with the same queries: who is asked depends on the truth.

    The truth itself is one drawn item a query: nothing that is fitted may read it, and who does is found out.

    Parameters
    ----------
    splitter : Splitter
    other : Dataset
    snapshot : Snapshot
    seed : int
        Of the truth.

    Raises
    ------
    DataContractError
        If the other dataset has no such snapshot, or the splitter refuses it.
    """
    for again in splitter.split(other).snapshots:
        if again.name == snapshot.name:
            n = len(snapshot.queries)
            drawn = np.random.default_rng(seed).integers(0, len(snapshot.items), n).astype(np.int32)
            truth = Qrels(Ragged(np.arange(n + 1, dtype=np.int64), drawn), np.ones(n, np.int8))
            return replace(again, queries=snapshot.queries, truth=truth)
    raise DataContractError(f"There is no {snapshot.name} snapshot any more.")


def _parts(
    fitter: StageOneFitter, snapshot: Snapshot, blocks: Sequence[npt.NDArray[np.int64]]
) -> dict[str, str]:
    """Fingerprint of each part, causes before what is made of them."""
    stage_one = fitter.fit([snapshot])[0]
    return {**of_snapshot(snapshot), **of_fitted(stage_one), **of_answers(stage_one, snapshot, blocks)}


def _figures(rewritten: int, parts: dict[str, str], offenders: list[str]) -> dict[str, Any]:
    return {"rewritten": rewritten, "parts": len(parts), "offenders": offenders}


def _sentence(guilty: dict[str, list[str]]) -> str:
    """Which parts of which snapshot see the future: the first ones, and how many more there are."""
    name, parts = next(iter(guilty.items()))
    more = f" and {len(parts) - _NAMED} more parts" if len(parts) > _NAMED else ""
    others = f"; so it is at {', '.join(list(guilty)[1:])}" if len(guilty) > 1 else ""
    reached = ", ".join(parts[:_NAMED])
    return f"What comes after the cut-off of the {name} snapshot reaches {reached}{more}{others}."
