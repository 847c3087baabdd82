"""Searches that many users share, made once before their lists are."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.persistence import Saved
from dataset.ranked import Ranked
from dataset.snapshot import Snapshot
from pipeline.engines.engine import Engine
from pipeline.progress import Stopwatch
from pipeline.stage_one import StageOne
from retrieval.nearest import Nearest
from retrieval.neighbours import Neighbours, worth_searching

QUERIES_OF_A_BLOCK: Final = 8192
ITEMS_OF_A_BLOCK: Final = 1024


@dataclass(frozen=True)
class Neighbourhood(Saved):
    """Searches for single items by one source.

    Parameters
    ----------
    source : Nearest
    quota : int
    available : bool array of shape (n_items,)
    """

    source: Nearest
    quota: int
    available: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Searching:
    """What a worker is handed.

    Parameters
    ----------
    neighbourhood : Neighbourhood
    """

    neighbourhood: Neighbourhood

    def found(self, items: npt.NDArray[np.int32]) -> Ranked:
        """What a block of items finds."""
        one = self.neighbourhood
        return one.source.found_alone(items, one.quota, one.available)


def with_neighbours(
    stage_one: StageOne, snapshot: Snapshot, engine: Engine, stopwatch: Stopwatch
) -> StageOne:
    """The same stage one, which knows what the items that many of the queries end with will find.

    Content searches for the newest items of every history; a hundred thousand products are soon searched for
    more often than there are products.
    """
    retrieval, sources = stage_one.retrieval, dict(stage_one.retrieval.sources)
    for (name, source), quota in zip(retrieval.sources.items(), retrieval.quotas, strict=True):
        if not (isinstance(source, Nearest) and source.newest and quota):
            continue
        items = worth_searching(_asked_for(source, snapshot), 2 * quota)
        work = Searching(Neighbourhood(source, quota, snapshot.available))
        parts = [items[at : at + ITEMS_OF_A_BLOCK] for at in range(0, len(items), ITEMS_OF_A_BLOCK)]
        found = list(
            stopwatch.track(engine.map(Searching.found, work, parts), len(parts), f"neighbours of {name}")
        )
        if found:
            known = Neighbours.of(items, Ranked.concatenate(found), len(snapshot.items))
            sources[name] = replace(source, neighbours=known)
    return replace(stage_one, retrieval=replace(retrieval, sources=sources))


def _asked_for(source: Nearest, snapshot: Snapshot) -> npt.NDArray[np.int64]:
    """How often each item is searched for on its own, over all queries, int64 of shape (n_items,)."""
    counts = np.zeros(len(snapshot.items), np.int64)
    for rows in _blocks(len(snapshot.queries)):
        counts += np.bincount(source.searched_alone(snapshot.requests(rows)), minlength=len(counts))
    return counts


def _blocks(n: int) -> Iterator[npt.NDArray[np.int64]]:
    for start in range(0, n, QUERIES_OF_A_BLOCK):
        yield np.arange(start, min(start + QUERIES_OF_A_BLOCK, n))
