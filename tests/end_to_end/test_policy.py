"""A policy by the command: its cost and effect in the certificate, and resume that refuses another."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.end_to_end.commands import Command

pytestmark = pytest.mark.slow


def test_a_policy_is_told_with_its_cost_and_refused_when_changed(
    glowrank: Command, shop_run: Path, cache: str, tmp_path: Path
) -> None:
    def recommend(name: str, *overrides: str) -> Path:
        out = tmp_path / name
        outcome = glowrank(
            "recommend", f"run={shop_run}", f"out={out}", cache, "threads=1", "n=12", *overrides
        )
        assert outcome.code == 0, outcome.err
        return out

    every = "policy=[new_items,calibration,mmr]"
    out = recommend("every", every, "as_of=test", "policy.steps.new_items.share=0.2")
    costs = json.loads((out / "certificate.json").read_text())["costs"]["policies"]
    assert list(costs) == ["mmr", "calibration", "new_items"]
    for cost in costs.values():
        assert set(cost) == {"users", "with", "without", "difference", "repeats_count", "effect"}
        assert cost["difference"]["low"] <= cost["difference"]["mean"] <= cost["difference"]["high"]
    assert costs["calibration"]["effect"]["with"] < costs["calibration"]["effect"]["without"]
    plain = pd.read_parquet(recommend("plain", "as_of=test") / "part-00000.parquet")
    lists = pd.read_parquet(out / "part-00000.parquet")
    both = plain.merge(lists, on=["user", "item"], suffixes=("", "_after"))
    assert (both["score"].isna() | (both["score"] == both["score_after"])).all()
    assert (both["rank"] != both["rank_after"]).any()
    changed = glowrank(
        "recommend", f"run={shop_run}", f"out={out}", cache, "threads=1", "n=12", every, "as_of=test"
    )
    assert changed.code == 2
    assert "share" in changed.sentence
    wrong = glowrank(
        "recommend",
        f"run={shop_run}",
        f"out={tmp_path / 'new'}",
        cache,
        "policy=mmr",
        "+policy.steps.mmr.vectors.scent=1.0",
    )
    assert wrong.code == 2
    assert "policy.steps.mmr.vectors must be embeddings of the run" in wrong.sentence
