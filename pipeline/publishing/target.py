"""Where lists go, and how they get there: written beside what is served, then served at one stroke.

An edition is one folder of lists under its own name. Editions that have been served stand in the order of
their last time; the last of them is served now. What was taken back, and what a killed publication has left
half-written, stands outside that order and goes with the next publication.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from dataset.errors import ConfigurationError
from pipeline.progress import Stopwatch
from pipeline.publishing.lists import FinishedLists, ListBatch


@dataclass(frozen=True)
class Edition:
    """What a target knows of lists that it holds.

    Parameters
    ----------
    name : str
    whole : bool
        Whether all lists were written.
    served : int or None
        Its place among those that have been served, higher for later; None: never, or taken back.
    """

    name: str
    whole: bool
    served: int | None


class Shelf(Protocol):
    """An open target, of which nobody else can hold another for writing."""

    def editions(self) -> list[Edition]:
        """All that are there."""

    def write(self, lists: FinishedLists, batches: Iterable[ListBatch]) -> None:
        """Write an edition whole, in place of what a killed try has left of it; nobody sees it yet."""

    def serve(self, name: str, taken_back: str | None) -> None:
        """Move the pointer to a whole edition, at one stroke; `taken_back` loses its place."""

    def retire(self, name: str) -> None:
        """Note that an edition is kept and no longer served."""

    def remove(self, name: str) -> bool:
        """Take an edition away; False if it is in use and stays until the next publication."""


class Target(Protocol):
    """A specification of where lists go.

    Attributes
    ----------
    keep : int
        Editions that stay, the served one among them.
    """

    @property
    def keep(self) -> int: ...

    @property
    def place(self) -> str:
        """Where it is, in words that hold no secret."""

    @property
    def reading(self) -> str:
        """The command by which the shop reads the list of one user."""

    def opened(self) -> AbstractContextManager[Shelf]:
        """Hold the target; `ResourceError` if it is away or held by another publication."""


@dataclass(frozen=True)
class Published:
    """What a publication did.

    Parameters
    ----------
    edition : str
        Served now.
    before : str or None
        Served when it began.
    lists, rows : int
        Written; 0 if the edition was there whole.
    removed, busy : tuple of str
        Editions that went, and those that should have gone and were in use.
    """

    edition: str
    before: str | None
    lists: int = 0
    rows: int = 0
    removed: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()


def publish(target: Target, lists: FinishedLists, stopwatch: Stopwatch) -> Published:
    """Serve these lists; does only what is left to do, so that it can be called again after any failure.

    Raises
    ------
    ResourceError
        If the target is away, full, or held by another publication. What was served still is.
    """
    counts = [0]

    def counted() -> Iterable[ListBatch]:
        for batch in stopwatch.track(_ahead(lists.batches()), lists.n_batches, "batches"):
            yield batch
            counts[0] += len(batch)

    with target.opened() as shelf:
        known = shelf.editions()
        before = served(known)
        if lists.edition not in [edition.name for edition in known if edition.whole]:
            with stopwatch.stage("writing"):
                shelf.write(lists, counted())
        if lists.edition != before:
            shelf.serve(lists.edition, None)
        removed, busy = _tidy(shelf, target.keep)
    rows = lists.rows if counts[0] else 0
    return Published(lists.edition, before, counts[0], rows, removed, busy)


def _ahead(batches: Iterator[ListBatch]) -> Iterator[ListBatch]:
    """The same, each read while the one before is being written."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = pool.submit(next, batches, None)
            yield batch


def roll_back(target: Target) -> Published:
    """Serve again what was served before; what is served now stays only until the next publication.

    Raises
    ------
    ConfigurationError
        If nothing was served before, or it is gone.
    ResourceError
        As for `publish`.
    """
    with target.opened() as shelf:
        order = _order(shelf.editions())
        if len(order) < 2:
            raise ConfigurationError(
                f"rollback=true needs an edition that was served before. Got {len(order)} in {target.place}."
            )
        shelf.serve(order[-2], taken_back=order[-1])
        shelf.retire(order[-1])
    return Published(order[-2], order[-1])


def served(editions: Sequence[Edition]) -> str | None:
    """The name of the edition that is served."""
    order = _order(editions)
    return order[-1] if order else None


def _order(editions: Sequence[Edition]) -> list[str]:
    """Names of those that have been served, the present one last."""
    places = [(edition.served, edition.name) for edition in editions if edition.served is not None]
    return [name for _, name in sorted(places)]


def _tidy(shelf: Shelf, keep: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Take away all but the last `keep`; returns what went, and what is in use."""
    editions = shelf.editions()
    kept = _order(editions)[-keep:]
    for name in kept[:-1]:
        shelf.retire(name)
    gone = {edition.name: shelf.remove(edition.name) for edition in editions if edition.name not in kept}
    return tuple(name for name, went in gone.items() if went), tuple(
        name for name, went in gone.items() if not went
    )
