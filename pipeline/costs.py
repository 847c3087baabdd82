"""What each promise and policy costs in accuracy: lists with it and without it, on the test of the run."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dataset.constraints import Constraints
from dataset.eligibility import ingredient_bits
from dataset.queries import Qrels
from dataset.ranked import Ranked
from dataset.restrictions import regions_of_items
from dataset.snapshot import Snapshot
from evaluation.intervals import paired_difference
from evaluation.metrics.metric import hit_matrix
from evaluation.specification import Evaluation
from pipeline.list_cutting import longest
from pipeline.recommendation import POPULAR, Answers
from pipeline.two_stage import FittedTwoStage, blocks
from ranking.policy.policy import Policy


@dataclass(frozen=True, kw_only=True)
class Costs:
    """The specification of a measurement.

    Parameters
    ----------
    model : FittedTwoStage
        Its stage one was fitted for `test`.
    test : Snapshot
        As the run was judged.
    repeats : Snapshot
        The same moment, with what users took again in the truth; the users of `test` are among its own.
    constraints : Constraints
    policy : Policy
    evaluation : Evaluation
    n : int
        Length of the lists; they are judged at `evaluation.headline`.
    engine : pipeline.engines.engine.Engine
        Changes only speed and memory.
    block_size : int
    """

    model: FittedTwoStage
    test: Snapshot
    repeats: Snapshot
    constraints: Constraints
    policy: Policy
    evaluation: Evaluation
    n: int
    engine: Any
    block_size: int

    def measure(self) -> dict[str, Any]:
        """The section "costs" of `certificate.json`.

        Of every promise that keeps anything from anybody: nDCG of the lists without it, and the paired
        difference that keeping it makes, below 0 where it costs; over users with history. The truth is that
        of the run, but for what is owned already: whether that would have been a hit is seen only where
        items taken again count. Of every policy the same, and what it is after with it and without.
        """
        kept = self._under(self.constraints)
        metric = f"ndcg@{self.evaluation.headline}"
        with_all, promises = self._lists(kept, self.policy), {}
        for promise in active(kept):
            without = self._lists(self._under(self.constraints.without(promise)), self.policy)
            promises[promise] = self._compared(with_all, without, promise == "already_owned")
        policies = {}
        for name in self.policy.steps:
            without = self._lists(kept, self.policy.without(name))
            compared = self._compared(with_all, without, of_repeats=False)
            policies[name] = {**compared, "effect": self._effect(name, with_all, without)}
        return {
            "metric": metric,
            "snapshot": self.test.name,
            "promises": promises,
            "policies": policies,
        }

    def _under(self, constraints: Constraints) -> Snapshot:
        repeats = self.repeats
        return replace(self.test, queries=repeats.queries, truth=repeats.truth, constraints=constraints)

    def _lists(self, snapshot: Snapshot, policy: Policy) -> Ranked:
        n = max(self.n, self.evaluation.headline)
        popular = POPULAR.fit(snapshot, {})
        answers = Answers(self.model, snapshot, popular, longest(snapshot, n), policy=policy)
        rows = blocks(len(snapshot.queries), self.block_size)
        lists = list(self.engine.map(listed, answers, rows))
        width = self.evaluation.headline
        return Ranked.concatenate([Ranked(part.items[:, :width], part.scores[:, :width]) for part in lists])

    def _compared(self, lists: Ranked, others: Ranked, of_repeats: bool) -> Mapping[str, Any]:
        judged = self.repeats if of_repeats else self.test
        rows = np.searchsorted(self.repeats.queries.user, judged.queries.user)
        values, without = (
            self._values(part.take(rows), judged.truth, judged.is_warm) for part in (lists, others)
        )
        settings = {"n_resamples": self.evaluation.n_resamples, "seed": self.evaluation.seed}
        return {
            "users": int((~np.isnan(values)).sum()),
            "with": _mean(values),
            "without": _mean(without),
            "difference": paired_difference(values, without, **settings).as_json(),
            "repeats_count": of_repeats,
        }

    def _effect(self, name: str, lists: Ranked, others: Ranked) -> Mapping[str, Any]:
        """What a policy is after, on average over the users with history of the test."""
        fitted = self.policy.steps[name].fit(self.test, self.model.stage_one.vectors)
        rows = np.searchsorted(self.repeats.queries.user, self.test.queries.user)
        requests, warm = self.test.requests(), self.test.is_warm
        values = [fitted.measured(requests, part.take(rows))[warm] for part in (lists, others)]
        return {"measure": fitted.measure, "with": _mean(values[0]), "without": _mean(values[1])}

    def _values(self, lists: Ranked, truth: Qrels, is_warm: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        measure = self.evaluation.metric(f"ndcg@{self.evaluation.headline}")
        return np.where(is_warm, measure(hit_matrix(lists, truth), truth.items.lengths), np.nan)


def listed(answers: Answers, rows: npt.NDArray[np.int64]) -> Ranked:
    """The lists of a block."""
    requests = answers.snapshot.requests(rows)
    candidates = answers.model.stage_one.candidates(requests)
    return answers.cutting.cut(answers.model, requests, candidates)


def active(snapshot: Snapshot) -> list[str]:
    """The promises that keep anything from anybody, in the order of `PROMISES`."""
    items, constraints = snapshot.items, snapshot.constraints
    speaks = {
        "avoided_ingredient": bool(ingredient_bits(items, snapshot.users)[0].any()),
        "out_of_stock": bool((snapshot.catalogue & ~items.in_stock).any()),
        "under_age": items.min_age is not None and bool((items.min_age > 0).any()),
        "outside_region": regions_of_items(items)[2] > 0,
        "above_price_ceiling": bool(np.isfinite(snapshot.ceilings).any()),
        "already_owned": len(snapshot.owned.values) > 0,
        "too_many_of_a_brand": constraints.brand_cap is not None,
        "too_many_of_a_category": constraints.category_cap is not None,
    }
    return [promise for promise, anything in speaks.items() if anything and constraints.keeps(promise)]


def _mean(values: npt.NDArray[np.float64]) -> float | None:
    found = values[~np.isnan(values)]
    return float(found.mean()) if len(found) else None
