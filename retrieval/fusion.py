"""All sources together: each nominates its quota, if any, and all score everything that was nominated."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from dataset.candidates import Candidates
from dataset.errors import ConfigurationError
from dataset.parameters import check_choice, check_int, check_mapping
from dataset.persistence import Saved
from dataset.ranked import Ranked
from dataset.snapshot import Requests
from retrieval.collaborative import Collaborative
from retrieval.content import Content
from retrieval.index import KINDS, IndexSettings
from retrieval.kernels import fuse
from retrieval.nearest import Nearest
from retrieval.source import FittedSource, Source

MAX_QUOTA: Final = 10_000  # ranks are int16


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """The specification of stage one.

    Parameters
    ----------
    sources : mapping of str to Source
        By name; each has its own `quota`, at least one above 0. A source with a quota of 0 is a pure
        scorer: it takes no place in the budget and still tells the ranker what it thinks.
    budget : int
        Candidates kept a query, at most. An item stays for the best rank that any source gave it, so
        each source has its say in turn. Changes results; time and memory grow with it.
    index : str or IndexSettings
        Kind of index, or all its settings (see `IndexSettings`), for the sources that search vectors and
        leave it open.
    """

    sources: Mapping[str, Source]
    budget: int = 250
    index: str | IndexSettings = "auto"

    def __post_init__(self) -> None:
        check_mapping(self, "sources")
        check_int(self, "budget", low=1, high=10_000)
        if not isinstance(self.index, IndexSettings):
            check_choice(self, "index", KINDS)
        if not self.sources:
            raise ConfigurationError(
                "Retrieval needs at least one source. Got none; leave one in retrieval.sources."
            )
        for name, source in self.sources.items():
            quota = getattr(source, "quota", None)
            if quota is None or quota > MAX_QUOTA:
                raise ConfigurationError(
                    f"The source {name!r} must have a quota of at most {MAX_QUOTA:,}. Got {quota!r}."
                )
        if not any(self.quotas):
            raise ConfigurationError(
                "Retrieval needs a source that nominates, with a quota above 0. Got pure scorers alone: "
                f"{', '.join(self.sources)}."
            )
        if self.index != "auto":  # which is what a source takes that leaves it open
            settings = IndexSettings(kind=self.index) if isinstance(self.index, str) else self.index
            sources = {name: _with_index(source, settings) for name, source in self.sources.items()}
            object.__setattr__(self, "sources", sources)

    @property
    def quotas(self) -> tuple[int, ...]:
        """Quota of each source, in order."""
        return tuple(int(getattr(source, "quota")) for source in self.sources.values())  # noqa: B009


@dataclass(frozen=True)
class FittedRetrieval(Saved):
    """Fitted sources with their quotas, ready to nominate.

    Parameters
    ----------
    sources : mapping of str to FittedSource
    quotas : tuple of int
        Of each source, in order; at least one above 0.
    budget : int
    """

    sources: Mapping[str, Any]
    quotas: tuple[int, ...]
    budget: int

    @property
    def nominators(self) -> tuple[str, ...]:
        """Names of the sources that are no pure scorers, in order."""
        return tuple(name for name, quota in zip(self.sources, self.quotas, strict=True) if quota > 0)

    def nominations(self, requests: Requests) -> Iterator[Ranked]:
        """What each nominator says within its quota, one after the other, before the budget cuts."""
        for source, quota in zip(self.sources.values(), self.quotas, strict=True):
            if quota > 0:
                yield source.retrieve(requests, quota)

    def exact_searches(self) -> "FittedRetrieval":
        """Only the nominators that search an approximate index, each on an exact one instead.

        Their `nominations` are what the index should have found; there are none where all search is exact.
        """
        named = zip(self.sources.items(), self.quotas, strict=True)
        exact = {
            name: (source.exactly(), quota)
            for (name, source), quota in named
            if quota > 0 and isinstance(source, Nearest) and not source.is_exact
        }
        sources = {name: source for name, (source, _) in exact.items()}
        return FittedRetrieval(sources, tuple(quota for _, quota in exact.values()), self.budget)

    def retrieve(self, requests: Requests) -> Candidates:
        """Candidates of a block of queries, with the score and rank of every source."""
        n_items = len(requests.eligibility.available)
        fitted: list[FittedSource] = list(self.sources.values())
        columns = np.concatenate([lists.items for lists in self.nominations(requests)], axis=1)
        source_of = np.repeat(np.arange(len(fitted)), self.quotas)
        rank_of = np.concatenate([np.arange(1, quota + 1) for quota in self.quotas]).astype(np.int16)
        budget = min(self.budget, columns.shape[1])
        offsets = np.zeros(len(requests) + 1, np.int64)
        items = np.empty(len(requests) * budget, np.int32)
        ranks = np.empty((len(items), len(fitted)), np.int16)
        n = fuse(columns, source_of, rank_of, len(fitted), n_items, budget, offsets, items, ranks)
        items, ranks = items[:n].copy(), ranks[:n].copy()
        scores = np.empty((n, len(fitted)), np.float32)
        for at, source in enumerate(fitted):
            scores[:, at] = source.score(requests, offsets, items)
        return Candidates(offsets, items, tuple(self.sources), scores, ranks)


def _with_index(source: Source, settings: IndexSettings) -> Source:
    if isinstance(source, Content | Collaborative) and source.index is None:
        return replace(source, index=settings)
    return source
