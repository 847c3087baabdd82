"""Events drawn at random: for contrast only, because such a test sees the future."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.dataset import Dataset
from dataset.interactions import Interactions
from dataset.items import UNKNOWN_TIME
from dataset.parameters import check_int, check_number
from dataset.splits.rules import Rules, check_events, launched_by
from dataset.splits.split import Split, assemble

_WARNING: Final = (
    "The random split lets models see the future, so its figures flatter; judge by the temporal split."
)


@dataclass(frozen=True, kw_only=True)
class Random(Rules):
    """Each target event is truth with the same probability, whenever it happened.

    The test draws from all target events, the validation from the rest, each training snapshot from what
    is then left; history is what none of them and none before has drawn. Everybody is asked for after
    the last event, so that a history holds events later than its truth: this flatters every model, above
    all those that use time, and a warning says so.

    Parameters
    ----------
    test_share : float
        Probability of each target event to be drawn by a snapshot, .001 to .9. Changes results.
    n_training : int
        Number of training snapshots, at least 1. Changes results, and costs a fit each.
    seed : int
        Of the hash of user, item and time that draws; the order of rows plays no part. Changes results.
    """

    test_share: float = 0.2
    n_training: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self, "test_share", low=0.001, high=0.9)
        check_int(self, "n_training", low=1)
        check_int(self, "seed", low=0, high=2**63 - 1)

    def split(self, dataset: Dataset) -> Split:
        """Cut `dataset`.

        Raises
        ------
        DataContractError
            If a draw leaves no history or finds no truth.
        """
        events = check_events(dataset)
        after = int(events.time.max()) + 1
        launched = (dataset.items.launched == UNKNOWN_TIME) | launched_by(dataset.items, after)
        past = np.ones(len(events), bool)
        target = self.is_target(events)
        names = ("test", "validation", *(f"training_{j}" for j in range(1, self.n_training + 1)))
        snapshots = []
        for depth, name in enumerate(names):
            drawn = past & target & (uniform(events, self.seed, depth) < self.test_share)
            past = past & ~drawn
            snapshots.append(
                self.snapshot(
                    dataset,
                    name,
                    past=past,
                    future=drawn,
                    asked_at=np.full(len(dataset.users), after, np.int64),
                    launched=launched,
                )
            )
        return assemble(snapshots, [_WARNING])


def uniform(events: Interactions, seed: int, stream: int) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each event, by its user, item and time alone, float64 of shape (n,).

    References
    ----------
    Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", the mixer of SplitMix64.
    """
    state = np.full(len(events), seed, np.uint64)
    for column in (np.full(len(events), stream), events.user, events.item, events.time):
        state ^= column.astype(np.uint64)
        state += np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state ^= state >> np.uint64(31)
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53
