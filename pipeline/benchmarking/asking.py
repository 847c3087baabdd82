"""A model asked otherwise than it was built: other probes, another scorer, fewer survivors of a cascade."""

from dataclasses import replace
from typing import Any

from dataset.errors import ConfigurationError
from pipeline.two_stage import FittedTwoStage, TwoStage
from ranking.cascade import Cascade, FittedCascade
from retrieval.index import IndexSettings
from retrieval.nearest import Nearest


def asked(model: FittedTwoStage, specification: TwoStage) -> tuple[FittedTwoStage, bool]:
    """The model as a specification of the same build would ask it.

    Parameters
    ----------
    model : FittedTwoStage
    specification : TwoStage

    Returns
    -------
    model : FittedTwoStage
    is_as_trained : bool
        Whether candidates are searched for as those that the ranker learnt from, and whoever answers users
        of whom little is known was chosen beside this ranker.

    Raises
    ------
    ConfigurationError
        If the specification needs another build.
    """
    retrieval = model.stage_one.retrieval
    sources: dict[str, Any] = {}
    is_as_trained = True
    for name, source in retrieval.sources.items():
        sources[name] = source
        if isinstance(source, Nearest):
            settings = getattr(specification.retrieval.sources[name], "index", None) or IndexSettings()
            is_as_trained &= source.is_exact or settings == source.index.settings
            sources[name] = replace(source, index=source.index.asked_with(settings))
    ranker = model.ranker
    if isinstance(ranker, FittedCascade) and isinstance(specification.ranking, Cascade):
        ranker = replace(ranker, keep=survivors(ranker, specification.ranking))
        is_as_trained &= model.ladder is None or ranker.keep == model.ranker.keep
    cold_ranker = ranker if model.cold_ranker is model.ranker else model.cold_ranker
    stage_one = replace(model.stage_one, retrieval=replace(retrieval, sources=sources))
    scorer = specification.scorer
    return replace(
        model, stage_one=stage_one, ranker=ranker, cold_ranker=cold_ranker, scorer=scorer
    ), is_as_trained


def survivors(fitted: FittedCascade, specification: Cascade) -> int:
    """How many candidates training would have let through, had it been given the other `keep`.

    Raises
    ------
    ConfigurationError
        If it would have had to measure what the build has not.
    """
    if not fitted.facts:  # nobody took anything on validation
        return 0
    if specification.max_loss >= 1:
        return specification.keep[0]
    unknown = [keep for keep in specification.keep if f"loss_of_{keep}" not in fitted.facts]
    if unknown:
        raise ConfigurationError(
            "ranking.keep of benchmark.query must be among that of the build, where losses were measured, or "
            f"ranking.max_loss be 1. Got {', '.join(map(str, unknown))}."
        )
    loss = {keep: fitted.facts[f"loss_of_{keep}"] for keep in specification.keep}
    too_few = [keep for keep in specification.keep if loss[keep] > specification.max_loss]
    return next((keep for keep in specification.keep if keep > max(too_few, default=0)), 0)


def exhausting(model: FittedTwoStage) -> FittedTwoStage:
    """The model with its full ranker for every candidate, whatever a cascade would spare."""
    if not isinstance(model.ranker, FittedCascade):
        return model
    full = model.ranker.full
    is_of_all = model.cold_ranker is model.ranker
    return replace(model, ranker=full, cold_ranker=full if is_of_all else model.cold_ranker)


def n_trees(ranker: Any) -> int | None:
    """Trees of a ranker, both models of a cascade together; None where it has none."""
    if isinstance(ranker, FittedCascade):
        return ranker.full.n_trees + (ranker.short.n_trees if ranker.keep else 0)
    return getattr(ranker, "n_trees", None)
