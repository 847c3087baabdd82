"""Whether intervals hold as often as they say, and how often the gate promotes a run that is no better.

    python -m benchmarks.interval_coverage [--run RUN]

Users are drawn with replacement from a population whose true means are known, again and again, and the
product's own code is asked for its intervals and its decision. The population is a mixture like nDCG@10 of a
real shop, most users at 0, or with --run the values of a run. Results go to `results/interval_coverage.json`.

The two models of the gate's question are exchangeable, and correlate by about .9, as trainings of one set-up
on real reviews do (.90 to .92): either every hit moves a little, which is how such trainings differ, or a few
users change altogether, which is harder, as the means then hang on a handful. All else is made to pass, so
that no other check hides a false promotion.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest

from evaluation.gate import FUSION, Evidence, Gate, decide
from evaluation.intervals import bootstrap
from evaluation.sections import MAIN_RUN
from evaluation.simultaneous import simultaneous

RESULTS: Final = Path(__file__).resolve().parent / "results" / "interval_coverage.json"
METRIC: Final = "ndcg@10"
N_USERS: Final = (500, 2000, 5000)
N_REPLICATIONS: Final = 2000
N_RESAMPLES: Final = 1000
N_JOINT: Final = {500: 2000, 2000: 1000, 5000: 500}  # replications of the joint intervals, which cost more
N_PAIRS: Final = 2500
USERS_OF_A_PAIR: Final = 1000
SAME_VALUE: Final = 0.9
LOST_HITS: Final = 0.06
# Three labels each, as skin type, age band, price tier and history length may have: 12 groups that overlap.
GROUPINGS: Final = ((0.12, 0.28, 0.6), (0.33, 0.33, 0.34), (0.2, 0.3, 0.5), (0.15, 0.35, 0.5))
_COLUMNS: Final = 250  # replications beside one another, which bounds memory

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """Users, each with the value of two models.

    Parameters
    ----------
    name : str
    values, others : float64 arrays of equal length
    """

    name: str
    values: Values
    others: Values

    @classmethod
    def built_in(cls, n: int = 200_000, seed: int = 1) -> "Population":
        """Values of which 13 and 11 % are above 0, and half of them shared by the two models."""
        random = np.random.default_rng(seed)
        values, others = (
            np.where(random.random(n) < hit_rate, random.beta(1.1, 1.6, n), 0.0) for hit_rate in (0.13, 0.11)
        )
        return cls("built-in mixture", values, np.where(random.random(n) < 0.5, values, others))

    @classmethod
    def of_run(cls, folder: Path) -> "Population":
        """The main run and reciprocal-rank fusion of a run folder, users with history."""
        names = [f"{MAIN_RUN}/{METRIC}", f"{FUSION}/{METRIC}"]
        frame = pd.read_parquet(folder / "queries.parquet", columns=["is_warm", "n_relevant", *names])
        asked = frame[frame["is_warm"] & (frame["n_relevant"] > 0)]
        return cls(folder.resolve().name, *asked[names].to_numpy(np.float64).T)

    def draw(self, n: int, random: np.random.Generator) -> tuple[Values, Values]:
        """Both values of n users."""
        rows = random.integers(0, len(self.values), n)
        return self.values[rows], self.others[rows]


def main() -> None:
    """Simulate, keep the counts, and show them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="folder of a run whose values are the population")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    population = Population.of_run(asked.run) if asked.run else Population.built_in()
    lines = [*single(population), *joint(population), *false_promotions(population)]
    facts = {
        "name": population.name,
        "users": len(population.values),
        "share_above_0": float((population.values > 0).mean()),
        "mean": float(population.values.mean()),
        "correlation_of_the_two": float(np.corrcoef(population.values, population.others)[0, 1]),
    }
    text = json.dumps({"population": facts, "results": lines}, indent=2)
    asked.out.write_text(text + "\n", encoding="utf-8")
    console = Console(width=110)
    console.print(table(population.name, lines))
    console.print(f"Written to {asked.out}")


def single(population: Population) -> Iterator[dict[str, Any]]:
    """Coverage of the interval of a mean, and of a paired difference."""
    truth = np.array([population.values.mean(), (population.values - population.others).mean()])
    for n in N_USERS:
        covered = np.zeros(2, np.int64)
        for seed, first in enumerate(range(0, N_REPLICATIONS, _COLUMNS)):
            width = min(_COLUMNS, N_REPLICATIONS - first)
            values, others = population.draw(n * width, np.random.default_rng((n, seed)))
            columns = np.concatenate([part.reshape(n, width) for part in (values, values - others)], axis=1)
            drawn = bootstrap(columns, n_resamples=N_RESAMPLES, seed=seed).intervals()
            for at, interval in enumerate(drawn):
                covered[at // width] += interval.low <= truth[at // width] <= interval.high
        for what, count in zip(("mean", "paired difference"), covered, strict=True):
            yield line(f"95 % interval of a {what} covers", n, int(count), N_REPLICATIONS)


def joint(population: Population) -> Iterator[dict[str, Any]]:
    """How often the simultaneous intervals of all groups cover at once."""
    truth = (population.values - population.others).mean()
    for n, n_replications in N_JOINT.items():
        random = np.random.default_rng((n, 1))
        members = pd.get_dummies(groups(n, random).drop(columns="user")).to_numpy(np.bool_)
        covered = 0
        for seed in range(n_replications):
            values, others = population.draw(n, random)
            found = simultaneous(values - others, members, n_resamples=N_RESAMPLES, seed=seed)
            covered += all(interval.low <= truth <= interval.high for interval in found.intervals)
        yield line(
            f"simultaneous intervals of {members.shape[1]} groups all cover", n, covered, n_replications
        )


def false_promotions(population: Population) -> Iterator[dict[str, Any]]:
    """How often the gate promotes a run over one that is equal, and what its parts would do alone."""
    for number, (how, pair) in enumerate(PAIRS.items()):
        random = np.random.default_rng((2, number))
        promoted = above_zero = group_failed = 0
        for seed in range(N_PAIRS):
            evidence = evidence_of(*pair(population, random), random)
            checks = {
                check.name: check
                for check in decide(Gate(n_resamples=N_RESAMPLES, seed=seed), evidence).checks
            }
            promoted += all(check.passed for check in checks.values())
            above_zero += checks["against"].figures["low"] > 0
            group_failed += not all(
                check.passed for name, check in checks.items() if name.startswith("group")
            )
        for what, count in (
            ("gate promotes one of two equal models", promoted),
            ("its interval alone lies above zero", above_zero),
            ("one of its group checks fails", group_failed),
        ):
            yield line(f"{what}; {how}", USERS_OF_A_PAIR, count, N_PAIRS)


def moved_hits(population: Population, random: np.random.Generator) -> tuple[Values, Values]:
    """Each model has its own factor of each user's value: 0 for a few, the others near 1."""
    n = USERS_OF_A_PAIR
    values = population.draw(n, random)[0]
    one, other = (
        values * np.where(random.random(n) < LOST_HITS, 0, random.uniform(0.7, 1.3, n)) for _ in range(2)
    )
    return one, other


def other_users(population: Population, random: np.random.Generator) -> tuple[Values, Values]:
    """The second model has the first one's value for most users, and another user's for the rest."""
    n = USERS_OF_A_PAIR
    values, fresh = (population.draw(n, random)[0] for _ in range(2))
    return values, np.where(random.random(n) < SAME_VALUE, values, fresh)


PAIRS: Final = {"every hit moves": moved_hits, "few users change": other_users}


def evidence_of(values: Values, incumbent: Values, random: np.random.Generator) -> Evidence:
    """A run and an incumbent, the run's own baselines far below it, and all else passed."""
    labels = groups(len(values), random)

    def frame(values: Values) -> pd.DataFrame:
        runs = {
            f"{MAIN_RUN}/{METRIC}": values,
            f"{FUSION}/{METRIC}": values / 2,
            f"ease/{METRIC}": values / 3,
        }
        return pd.DataFrame({"user": labels["user"], "is_warm": True, "n_relevant": 1, **runs})

    return Evidence(
        metric=METRIC,
        values=frame(values),
        incumbent=frame(incumbent),
        groups=labels,
        skew={"passed": True, "limit": 0.25, "worst": None, "features": {}},
        audit={"run": "", "complete": True, "passed": True},
    )


def groups(n: int, random: np.random.Generator) -> pd.DataFrame:
    """Labels of n users, as in `groups.parquet`."""
    labels = {
        f"grouping {at}": random.choice(["a", "b", "c"], n, p=shares) for at, shares in enumerate(GROUPINGS)
    }
    return pd.DataFrame({"user": np.arange(n), **labels})


def line(what: str, n_users: int, count: int, n: int) -> dict[str, Any]:
    """A count with the exact binomial interval of its share."""
    interval = binomtest(count, n).proportion_ci(0.95)
    return {
        "what": what,
        "users": n_users,
        "replications": n,
        "count": count,
        "share": count / n,
        "low": float(interval.low),
        "high": float(interval.high),
    }


def table(name: str, lines: list[dict[str, Any]]) -> Table:
    """The shares, with the simulation's own uncertainty."""
    shown = Table(title=f"Population: {name}")
    for head in ("what", "users", "replications", "share", "95 % of the simulation"):
        shown.add_column(head, justify="left" if head == "what" else "right")
    for entry in lines:
        spread = f"{entry['low']:.2%} to {entry['high']:.2%}"
        counts = (f"{entry['users']:,}", f"{entry['replications']:,}", f"{entry['share']:.2%}", spread)
        shown.add_row(entry["what"], *counts)
    return shown


if __name__ == "__main__":
    main()
