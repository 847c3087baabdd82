"""The brief: what a reader in business asks before any figure, answered with the facts of the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import Template
from typing import Any, Final

from dataset.errors import ParameterError
from dataset.parameters import check_mapping
from evaluation.sections import MAIN_RUN
from evaluation.standing import best_baseline, mean_of

RISK: Final = ("what", "watch", "who")
FACTS: Final = (
    "users", "items", "interactions", "queries", "warm", "cold", "cold_share", "catalogue", "cutoff", "k",
    "attributes",
)  # fmt: skip
"""Names that the texts of a brief may use, each after a dollar sign."""


@dataclass(frozen=True)
class Told:
    """A brief with the facts filled in, as the report shows it.

    Parameters
    ----------
    problem, audience, decision : str
    why_learning : str
        What the ranker gains over the best list without one, here, in a sentence.
    needs : mapping of str to str
    risks : mapping of str to mapping of "what", "watch" and "who" to str
    """

    problem: str
    audience: str
    decision: str
    why_learning: str
    needs: Mapping[str, str]
    risks: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Brief:
    """What the run is for; changes no result, only what the report and the model card say.

    Any text may use the names in `FACTS` after a dollar sign; "$$" is a dollar sign.

    Parameters
    ----------
    problem : str
        What is solved, and for whom it is a problem.
    audience : str
        Who gets the lists, and who works with them.
    decision : str
        What is decided by this run.
    needs : mapping of name to str
        What data it takes, and what there was.
    risks : mapping of name to mapping
        What could go wrong ("what"), by what that is seen ("watch") and by whom ("who").
    """

    problem: str
    audience: str
    decision: str
    needs: Mapping[str, str] = field(default_factory=dict)
    risks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("problem", "audience", "decision"):
            self._check(name, getattr(self, name))
        for name in ("needs", "risks"):
            check_mapping(self, name)
        for text in self.needs.values():
            self._check("needs", text)
        for risk in self.risks.values():
            if not isinstance(risk, Mapping) or set(risk) != set(RISK):
                raise ParameterError("Brief", "risks", "a mapping to mappings of what, watch and who", risk)
            for text in risk.values():
                self._check("risks", text)

    def _check(self, name: str, text: object) -> None:
        if not isinstance(text, str) or not text.strip():
            raise ParameterError("Brief", name, "a text", text)
        template = Template(text)
        if not template.is_valid() or not set(template.get_identifiers()) <= set(FACTS):
            expected = f"a text whose dollar signs stand before one of {', '.join(FACTS)}, or are doubled"
            raise ParameterError("Brief", name, expected, text)

    def tell(self, metrics: Mapping[str, Any], headline: int, attributes: Sequence[str] = ()) -> Told:
        """Fill in the facts.

        Parameters
        ----------
        metrics : mapping
            As in `metrics.json`.
        headline : int
            Cut-off k.
        attributes : sequence of str
            What is known of users.
        """
        facts = facts_of(metrics, headline, attributes)

        def filled(text: str) -> str:
            return " ".join(Template(text).substitute(facts).split())

        return Told(
            problem=filled(self.problem),
            audience=filled(self.audience),
            decision=filled(self.decision),
            why_learning=why_learning(metrics, headline),
            needs={name: filled(text) for name, text in self.needs.items()},
            risks={name: {part: filled(risk[part]) for part in RISK} for name, risk in self.risks.items()},
        )


def facts_of(metrics: Mapping[str, Any], headline: int, attributes: Sequence[str]) -> dict[str, str]:
    """What a brief may name, as text."""
    data, queries = metrics["dataset"], metrics["queries"]
    test = metrics["split"]["test"]
    counts = {name: data[name] for name in ("users", "items", "interactions")}
    counts |= {"queries": queries["all"], "warm": queries["warm"], "cold": queries["cold"]}
    counts |= {"catalogue": test["catalogue"], "k": headline}
    return {
        **{name: f"{count:,}" for name, count in counts.items()},
        "cold_share": f"{queries['cold'] / max(queries['all'], 1):.0%}",
        "cutoff": str(test["cutoff"]),
        "attributes": ", ".join(name.replace("_", " ") for name in attributes) or "none",
    }


def why_learning(metrics: Mapping[str, Any], headline: int) -> str:
    """What a learnt order is worth here: the paired difference to the best list without a stage two."""
    runs, metric = metrics["runs"], f"ndcg@{headline}"
    baseline = best_baseline(runs, headline)
    found = metrics["differences"].get(f"{MAIN_RUN} - {baseline}", {}).get(metric)
    own, other = (mean_of(runs, run, metric) for run in (MAIN_RUN, str(baseline)))
    if not found or found["low"] is None or own is None or other is None:
        return "There is no list without learning to compare with, so nothing speaks for it yet."
    share = f", {own / other - 1:+.0%}" if other > 0 else ""
    figures = (
        f"nDCG@{headline} {own:.4f} against {other:.4f} of {baseline}, the best list without a ranker "
        f"({found['mean']:+.4f}, 95 % interval {found['low']:+.4f} to {found['high']:+.4f}{share})"
    )
    if found["low"] > 0:
        return f"Learning pays here: {figures}."
    if found["high"] < 0:
        return f"Learning does not pay here, the simpler list is better: {figures}."
    return f"It is not shown that learning pays here: {figures}."
