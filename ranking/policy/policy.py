"""What a shop wants of a list beside its best items: re-rankers, one after the other."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from dataset.errors import ConfigurationError, ParameterError
from dataset.parameters import check_mapping
from dataset.persistence import Saved
from dataset.ranked import Ranked
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from ranking.policy.calibration import Calibration
from ranking.policy.caps import Caps
from ranking.policy.marginal_relevance import MarginalRelevance
from ranking.policy.new_items import NewItems

ORDER: Final = (MarginalRelevance, Calibration, NewItems)
"""In which order re-rankers are applied, whatever they are called: the last one has the last word."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The re-rankers of a list, none by default.

    Each one is given the order that the one before made, with the scores of the places: the best score in
    the first place. Kinds come in the order of `ORDER`, those of one kind by name: first what lists look like
    as a whole, last the share that is to be kept in any case.

    Parameters
    ----------
    steps : mapping of str to ReRanker
        Changes results.
    """

    steps: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_mapping(self, "steps")
        if not all(isinstance(step, ORDER) for step in self.steps.values()):
            kinds = ", ".join(kind.__name__ for kind in ORDER)
            raise ParameterError("Policy", "steps", f"a mapping from names to {kinds}", self.steps)
        names = sorted(self.steps, key=lambda name: (ORDER.index(type(self.steps[name])), name))
        object.__setattr__(self, "steps", {name: self.steps[name] for name in names})

    def without(self, name: str) -> "Policy":
        """The same with one step less."""
        return replace(self, steps={key: step for key, step in self.steps.items() if key != name})

    def check(self, embeddings: Collection[str]) -> None:
        """Raise `ConfigurationError` if a step reads an embedding that is not among those of the run."""
        for key, step in self.steps.items():
            if absent := set(getattr(step, "vectors", ())) - set(embeddings):
                raise ConfigurationError(
                    f"policy.steps.{key}.vectors must be embeddings of the run "
                    f"({', '.join(embeddings) or 'none'}). Got {', '.join(sorted(absent))}."
                )

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> "FittedPolicy | None":
        """The policy at a snapshot; None where nothing is re-ranked."""
        if not self.steps:
            return None
        depths = [step.depth for step in self.steps.values()]
        return FittedPolicy(
            steps={name: step.fit(snapshot, vectors) for name, step in self.steps.items()},
            depth=None if None in depths else max(depths),
        )


@dataclass(frozen=True)
class FittedPolicy(Saved):
    """Fitted re-rankers, in the order in which they are applied.

    Parameters
    ----------
    steps : mapping of str to FittedReRanker
    depth : int or None
        How much of the ranker's order must be there; None: all of it.
    """

    steps: Mapping[str, Any]
    depth: int | None

    def reranked(self, requests: Requests, order: Ranked, k: int, caps: Caps) -> Ranked:
        """The same items with their own scores, which may not fall any more, in another order.

        Parameters
        ----------
        requests : Requests
        order : Ranked
            Scores descending.
        k : int
            Length of the lists that will be cut.
        caps : Caps
        """
        items, scores = order.items, order.scores
        for step in self.steps.values():
            places = step.reranked(requests, Ranked(items, order.scores), k, caps)
            items = np.ascontiguousarray(np.take_along_axis(items, places, axis=1))
            scores = np.take_along_axis(scores, places, axis=1)
        return Ranked(items, scores)
