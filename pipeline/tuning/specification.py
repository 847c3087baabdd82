"""What a study searches, for how long, and by which figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset.errors import ParameterError
from dataset.parameters import check_int, check_mapping, check_number


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """The specification of a study.

    Parameters
    ----------
    space : mapping
        The settings that vary, as they are nested in the configuration; at each leaf `{low, high}`, with
        `log: true` or a `step` if need be, or `{choices: [...]}`. Numbers between ints are ints.
    name : str
    metric : str
        What is to be as high as possible, on users with history: a name of `evaluation.metrics`.
    rehearsals : sequence of int
        Values of `split.set_aside`, at least 1, over which the metric is averaged: 1 judges on the window
        before the test as if it were the test, 2 on the one before that. Costs a training each.
    n_trials : int
        In all, those of earlier calls included.
    timeout_minutes : float or None
        No trial is begun later than this after the command.
    prune_after_trials : int
        Trials that must be complete before any is pruned.
    prune_after_trees, prune_every : int
        The first tree after which a trial may be pruned, and the number of trees between two looks. Trials
        that learn slowly look bad early: keep it well below the number of trees that is usual, not at the
        start.
    seed : int
        Of what the sampler draws.
    dir : str
        Folder of the study.
    out : str or None
        Where to write the best configuration too.
    """

    space: Mapping[str, Any]
    name: str = "study"
    metric: str = "ndcg@10"
    rehearsals: Sequence[int] = (1,)
    n_trials: int = 50
    timeout_minutes: float | None = None
    prune_after_trials: int = 5
    prune_after_trees: int = 100
    prune_every: int = 10
    seed: int = 0
    dir: str = "var/studies/study"
    out: str | None = None

    def __post_init__(self) -> None:
        check_mapping(self, "space")
        for name in ("n_trials", "prune_after_trials", "prune_after_trees", "prune_every"):
            check_int(self, name, low=1)
        check_int(self, "seed", low=0)
        if self.timeout_minutes is not None:
            check_number(self, "timeout_minutes", low=0)
        for name in ("name", "dir", "metric"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise ParameterError("Tuning", name, "a text", getattr(self, name))
        if self.out is not None and (not isinstance(self.out, str) or Path(self.out).suffix != ".yaml"):
            raise ParameterError("Tuning", "out", "the path of a .yaml file", self.out)
        is_list = isinstance(self.rehearsals, Sequence) and not isinstance(self.rehearsals, str)
        given = tuple(self.rehearsals) if is_list else ()
        if not given or not all(type(n) is int and n >= 1 for n in given) or len(set(given)) < len(given):
            raise ParameterError(
                "Tuning",
                "rehearsals",
                "a list of distinct ints of at least 1, as a study never reads the test",
                self.rehearsals,
            )
        object.__setattr__(self, "rehearsals", given)

    @property
    def facts(self) -> dict[str, Any]:
        """What must not change while a study goes on: all that decides which trials there are."""
        names = ("metric", "rehearsals", "seed", "prune_after_trials", "prune_after_trees", "prune_every")
        return {f"tune.{name}": getattr(self, name) for name in names}
