"""The reasons of the lists of a block of users, as flat arrays."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.snapshot import Requests, Snapshot
from pipeline.reasons.nearest import BOUGHT, Had, Nearness
from pipeline.reasons.shared import SharedWords
from pipeline.two_stage import FittedTwoStage
from ranking.contributions import Contributions, contributions

LEVELS: Final = ("none", "short", "full")


@dataclass(frozen=True)
class Reasons:
    """Why each of n listed items stands there.

    Parameters
    ----------
    nearest : int32 array of shape (n,)
        The item that the user has bought which this one is most like; -1 where there is none.
    event : int8 array of shape (n,)
        What the user did with it last, a position in `KINDS`; -1 where there is none. Of a user who has
        bought nothing, the nearest is one that they looked at, and this says so.
    similarity : float32 array of shape (n,)
        Mean cosine over the embeddings, within -1 and 1; NaN where there is none.
    cosines : float32 array of shape (n, e)
        Of each embedding.
    ingredients, functions : int32 arrays of shape (n, MOST)
        What both have: positions in the words of the `Explanation`, -1 behind the end.
    contributions : Contributions or None
        A row each; NaN where no model gave the score. None unless reasons are full and the ranker has trees.
    """

    nearest: npt.NDArray[np.int32]
    event: npt.NDArray[np.int8]
    similarity: npt.NDArray[np.float32]
    cosines: npt.NDArray[np.float32]
    ingredients: npt.NDArray[np.int32]
    functions: npt.NDArray[np.int32]
    contributions: Contributions | None


@dataclass(frozen=True)
class Explanation:
    """What reasons are read from, at a moment.

    Parameters
    ----------
    nearness : Nearness
    ingredients, functions : SharedWords
    bought : tuple of str
        Kinds of events after which a user has an item.
    """

    nearness: Nearness
    ingredients: SharedWords
    functions: SharedWords
    bought: tuple[str, ...]

    @classmethod
    def of(cls, model: FittedTwoStage, snapshot: Snapshot) -> "Explanation":
        """From the embeddings of stage one and the words of the products."""
        items, known = snapshot.items, snapshot.known_items
        return cls(
            nearness=Nearness.of(model.stage_one.vectors, len(items)),
            ingredients=SharedWords.of(items.ingredients, known),
            functions=SharedWords.of(items.functions, known),
            bought=tuple(snapshot.owned_kinds) or BOUGHT,
        )

    def of_lists(
        self,
        requests: Requests,
        row: npt.NDArray[np.int32],
        item: npt.NDArray[np.int32],
        told: Contributions | None,
    ) -> Reasons:
        """The reasons of listed items.

        Parameters
        ----------
        requests : Requests
            Of the block.
        row : int32 array of shape (n,)
            Query of each item, ascending.
        item : int32 array of shape (n,)
        told : Contributions or None
            What the model says of them.
        """
        had = Had.of(requests.history, self.bought, len(self.nearness.matrix))
        at, similarity, cosines = self.nearness.nearest(had.items, row, item)
        nearest, event = np.full(len(item), -1, np.int32), np.full(len(item), -1, np.int8)
        found = at >= 0
        nearest[found], event[found] = had.items.values[at[found]], had.kind[at[found]]
        return Reasons(
            nearest=nearest,
            event=event,
            similarity=similarity,
            cosines=cosines,
            ingredients=self.ingredients.between(item, nearest),
            functions=self.functions.between(item, nearest),
            contributions=told,
        )


def told_by_model(
    model: FittedTwoStage,
    requests: Requests,
    candidates: Candidates,
    rows: npt.NDArray[np.int64],
    scores: npt.NDArray[np.float32],
) -> Contributions | None:
    """What each family of features adds to the scores of listed candidates; None if no ranker has trees.

    Features are computed for all candidates, since some compare a candidate with the others of its query.

    Parameters
    ----------
    model : FittedTwoStage
    requests : Requests
    candidates : Candidates
    rows : int64 array of shape (n,)
        Candidates that were listed; -1 for what none is, or whose score no model gave: a row of NaN.
    scores : float32 array of shape (n,)
        As listed; checked against the sums.

    Raises
    ------
    ArtefactError
        If the contributions to a score do not sum to it.
    """
    spoken = np.flatnonzero(rows >= 0)
    matrix = model.matrix(requests, candidates)
    if matrix is None:
        return None
    told = contributions(model.ranker, matrix.take(rows[spoken]))
    if told is None:
        return None
    told.check(scores[spoken])
    values = np.full((len(rows), len(told.names)), np.nan)
    values[spoken] = told.values
    return Contributions(told.names, values)
