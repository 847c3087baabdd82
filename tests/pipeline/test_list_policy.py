"""Lists with every policy on, in random shops: full, permitted, under caps; with none, what they were."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.constraints import Constraints
from dataset.dataset import Dataset
from dataset.ranked import Ranked
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from features.feature_set import FittedFeatures
from pipeline.certificate import certify
from pipeline.engines import Serial
from pipeline.engines.threads import Threads
from pipeline.list_cutting import ListCutting, longest
from pipeline.lists_folder import ListsFolder
from pipeline.recommendation import POPULAR, Answers, Recommendation
from pipeline.stage_one import StageOne
from pipeline.two_stage import FittedTwoStage
from ranking.policy import Calibration, Caps, MarginalRelevance, NewItems, Policy
from ranking.retrieval_order import RetrievalOrder
from retrieval.fusion import FittedRetrieval
from retrieval.popular import Popular
from retrieval.transitions import Transitions
from tests.pipeline.test_promises import RULES, broken, constraints_of_a_shop, random_shop


def shop_of(seed: int) -> Dataset:
    """So many items that there is something to choose from, in spite of all promises."""
    return random_shop(seed, n_items=14 if seed % 3 == 0 else 40)


def model_of(snapshot: Snapshot, seed: int) -> FittedTwoStage:
    """Fifteen candidates a user at most, four in five of which have a vector."""
    rng = np.random.default_rng(seed)
    known = snapshot.known_items
    placed = known[rng.random(len(known)) < 0.8]
    vectors = {
        name: Vectors(placed, rng.normal(size=(len(placed), 3)).astype(np.float32))
        for name in ("ingredients", "functionality")
    }
    popular = Popular(window_days=60.0).fit(snapshot, {})
    sources = {"transitions": Transitions().fit(snapshot, {}), "popular": popular}
    stage_one = StageOne(FittedRetrieval(sources, (10, 10), 15), FittedFeatures({}), vectors)
    return FittedTwoStage(stage_one, RetrievalOrder(), RetrievalOrder())


def written(dataset: Dataset, out: Path, seed: int, **given_: Any) -> pd.DataFrame:
    """Lists of everybody, certified."""
    job = Recommendation(**({"engine": Serial(), "part_size": 5, "block_size": 3} | given_))
    snapshot = job.asked(RULES.latest(dataset))
    folder = ListsFolder.at(out)
    folder.begin({"parts": 2}, {})
    made = job.write(model_of(snapshot, seed), snapshot, dataset, folder, "run", range(2))
    parts = (folder.read(made[at]) for at in sorted(made))
    certify(parts, snapshot, dataset, job.n, job.part_size, job.block_size).check()
    return pd.concat([pd.read_parquet(path) for path in sorted(folder.path.glob("*.parquet"))])


depths = st.one_of(st.none(), st.integers(1, 9))
shares = st.sampled_from([0.0, 0.3, 0.7, 1.0])
policies = st.builds(
    lambda depth, share, trade_off: Policy(
        steps={
            "fresh": NewItems(share=share, days=20.0, depth=depth),
            "mixed": Calibration(trade_off=trade_off, levels=1, depth=depth),
            "varied": MarginalRelevance(trade_off=trade_off, depth=depth),
        }
    ),
    depths,
    shares,
    shares,
)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    constraints=constraints_of_a_shop,
    n=st.integers(1, 12),
    policy=policies,
)
def test_promises_are_kept_with_every_policy_on(
    seed: int, constraints: Constraints, n: int, policy: Policy
) -> None:
    dataset = shop_of(seed)
    snapshot = Recommendation(constraints=constraints).asked(RULES.latest(dataset))
    lists = lists_of(model_of(snapshot, seed), snapshot, n, policy)
    own = [items[items >= 0].tolist() for items in lists.items]
    # The certificate knows how long each list can be, and what speaks against an item.
    assert not any(own) or broken(dataset, snapshot, own, n) == {}


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), constraints=constraints_of_a_shop, n=st.integers(1, 12), share=shares)
def test_the_share_of_new_items_is_kept_as_far_as_candidates_allow(
    seed: int, constraints: Constraints, n: int, share: float
) -> None:
    snapshot = Recommendation(constraints=constraints).asked(RULES.latest(shop_of(seed)))
    model = model_of(snapshot, seed)
    k = longest(snapshot, n)
    policy = Policy(steps={"varied": MarginalRelevance(), "fresh": NewItems(share=share, days=20.0)})
    answers = Answers(model, snapshot, POPULAR.fit(snapshot, {}), k, policy=policy)
    fitted = policy.fit(snapshot, {})
    assert fitted is not None
    requests = snapshot.requests()
    candidates = model.stage_one.candidates(requests)
    lists = answers.cutting.cut(model, requests, candidates)
    is_new = fitted.steps["fresh"].is_new
    for row in range(len(requests)):
        own = candidates.item[candidates.offsets[row] : candidates.offsets[row + 1]]
        new = own[is_new[own]].astype(np.int32)[None]
        caps = answers.cutting.caps
        there = new.shape[1] if caps is None else int((caps.fill(new, k) >= 0).sum())
        listed = lists.items[row][lists.items[row] >= 0]
        # A short list shows all that may be shown. Under both caps items may have been exchanged to make one
        # full, which comes before its share of new items.
        if len(listed) == k and None in (constraints.brand_cap, constraints.category_cap):
            assert is_new[listed].sum() >= min(np.ceil(share * k - 1e-9), there)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), constraints=constraints_of_a_shop, n=st.integers(1, 12))
def test_at_the_end_of_each_scale_lists_are_what_they_were(
    seed: int, constraints: Constraints, n: int
) -> None:
    if (
        constraints.max_a_brand is not None
    ):  # under both caps, what was exchanged stands behind what was chosen
        constraints = replace(constraints, max_a_category=None)
    snapshot = Recommendation(constraints=constraints).asked(RULES.latest(shop_of(seed)))
    model = model_of(snapshot, seed)
    neutral = Policy(
        steps={
            "fresh": NewItems(share=0.0),
            "mixed": Calibration(trade_off=1.0, depth=None),
            "varied": MarginalRelevance(trade_off=1.0, depth=None),
        }
    )
    plain, same = (lists_of(model, snapshot, n, policy) for policy in (Policy(), neutral))
    assert plain.items.tolist() == same.items.tolist()
    np.testing.assert_array_equal(plain.scores, same.scores)


def lists_of(model: FittedTwoStage, snapshot: Snapshot, n: int, policy: Policy) -> Ranked:
    answers = Answers(model, snapshot, POPULAR.fit(snapshot, {}), longest(snapshot, n), policy=policy)
    requests = snapshot.requests()
    return answers.cutting.cut(model, requests, model.stage_one.candidates(requests))


def test_scores_in_lists_stay_the_rankers_own() -> None:
    moved = 0
    for seed in range(6):
        snapshot = Recommendation().asked(RULES.latest(shop_of(seed)))
        model = model_of(snapshot, seed)
        policy = Policy(steps={"varied": MarginalRelevance(trade_off=0.2)})
        plain, other = (lists_of(model, snapshot, 40, given_) for given_ in (Policy(), policy))
        moved += int((plain.items != other.items).sum())
        for row in range(len(plain)):
            scores = [dict(zip(part.items[row], part.scores[row], strict=True)) for part in (plain, other)]
            assert scores[0].keys() == scores[1].keys()
            np.testing.assert_array_equal(list(scores[0].values()), [scores[1][at] for at in scores[0]])
    assert moved > 50


def test_neither_blocks_nor_threads_change_a_list(tmp_path: Path) -> None:
    policy = Policy(steps={"a": MarginalRelevance(), "b": Calibration(), "c": NewItems(share=0.5, days=20)})
    constraints = Constraints(max_a_brand=2)
    runs: Mapping[str, Mapping[str, Any]] = {
        "one": {"block_size": 8},
        "two": {"block_size": 1},
        "three": {"block_size": 3, "engine": Threads(threads=3)},
    }
    found = [
        written(shop_of(1), tmp_path / name, 9, n=6, policy=policy, constraints=constraints, **given_)
        for name, given_ in runs.items()
    ]
    for other in found[1:]:
        pd.testing.assert_frame_equal(found[0], other)


class Asked:
    """Stands for a model; notes how much of the order is wanted."""

    def __init__(self) -> None:
        self.wanted: list[int] = []

    def order(self, requests: Any, candidates: Any, k: int) -> Ranked:
        self.wanted.append(k)
        return Ranked(np.zeros((0, k), np.int32), np.zeros((0, k), np.float32))


@pytest.mark.parametrize(("depth", "wanted"), [(2, 3), (4, 4), (None, "widest")])
@pytest.mark.parametrize("under_caps", [False, True])
def test_no_more_of_the_order_is_asked_for_than_is_needed(
    depth: int | None, wanted: int | str, under_caps: bool
) -> None:
    snapshot = Recommendation().asked(RULES.latest(shop_of(2)))
    candidates = model_of(snapshot, 2).stage_one.candidates(snapshot.requests())
    widest = int(np.diff(candidates.offsets).max())
    assert widest > 4
    policy = Policy(steps={"varied": MarginalRelevance(depth=depth)}).fit(snapshot, {})
    caps = Caps.of(Constraints(max_a_brand=1), snapshot.items) if under_caps else None
    asked: Any = Asked()
    nobody = snapshot.requests(np.zeros(0, np.int64))
    ListCutting(POPULAR.fit(snapshot, {}), 3, caps, policy).cut(asked, nobody, candidates)
    assert asked.wanted == [widest if under_caps or wanted == "widest" else wanted]
