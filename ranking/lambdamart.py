"""Gradient-boosted trees trained on pairs weighted by what swapping them would change in nDCG."""

import copy
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.errors import ArtefactError, ConfigurationError, ParameterError
from dataset.feature_matrix import FeatureMatrix
from dataset.parameters import check_bool, check_choice, check_int, check_mapping, check_number
from dataset.persistence import Saved
from ranking.boosting import to_lightgbm, usable, with_rounded_leaves
from ranking.columns import ordered, trained_on
from ranking.ranker import TrainingTables, Watch, nobody
from ranking.sampling import Sampling
from ranking.scorers.native import Native
from ranking.scorers.scorer import FittedScorer, Scorer, Trees
from ranking.table import RankingTable


@dataclass(frozen=True, kw_only=True)
class LambdaMart:
    """LightGBM with a ranking objective, stopped early on the validation snapshot.

    Parameters
    ----------
    objective : str
        `lambdarank` or `rank_xendcg`.
    num_leaves, min_rows_a_leaf, learning_rate, feature_fraction, row_fraction, l2 : number
        As LightGBM's num_leaves, min_data_in_leaf, learning_rate, feature_fraction, bagging_fraction
        (drawn anew for each tree) and lambda_l2.
    num_trees : int
        At most.
    stop_after : int or None
        Trees without a better nDCG on validation before training stops. None: all `num_trees` are grown and
        kept, whatever validation says of them.
    stop_at : int
        Cut-off k of the nDCG that decides.
    truncation : int
        Pairs are formed with the top of the list down to this rank (lambdarank only).
    refit : bool
        Whether to train once more, with the number of trees that was best, on the validation snapshot
        too: it is the nearest to the request in time.
    monotone : mapping of str to int
        1 or -1 for features that the score must rise or fall with.
    sampling : Sampling
        Which queries and candidates the tables hold.
    seed : int

    References
    ----------
    Burges, "From RankNet to LambdaRank to LambdaMART: an overview", MSR-TR-2010-82, section 7.
    Bruch et al., "A stochastic treatment of learning to rank scoring functions", WSDM 2020 (xendcg).
    """

    objective: str = "lambdarank"
    num_leaves: int = 15
    min_rows_a_leaf: int = 50
    learning_rate: float = 0.06
    num_trees: int = 400
    stop_after: int | None = 40
    stop_at: int = 10
    truncation: int = 20
    feature_fraction: float = 0.7
    row_fraction: float = 1.0
    l2: float = 1.0
    refit: bool = True
    monotone: Mapping[str, int] = field(default_factory=dict)
    sampling: Sampling = field(default_factory=Sampling)
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice(self, "objective", ("lambdarank", "rank_xendcg"))
        check_int(self, "num_leaves", low=2)
        for name in ("min_rows_a_leaf", "num_trees", "stop_at", "truncation"):
            check_int(self, name, low=1)
        if self.stop_after is not None:
            check_int(self, "stop_after", low=1)
        check_int(self, "seed", low=0)
        check_number(self, "learning_rate", low=1e-6, high=1)
        check_number(self, "feature_fraction", low=1e-6, high=1)
        check_number(self, "row_fraction", low=1e-6, high=1)
        check_number(self, "l2", low=0)
        check_bool(self, "refit")
        check_mapping(self, "monotone")
        if not set(self.monotone.values()) <= {-1, 0, 1}:
            raise ParameterError("LambdaMart", "monotone", "a mapping to 1, 0 or -1", self.monotone)

    def fit(self, tables: TrainingTables, threads: int, watch: Watch = nobody) -> "FittedLambdaMart":
        """Train on the past snapshots, stop on validation, and train again on all of them."""
        built = tables()
        return self.refitted(self.stopped(lambda: built, threads, watch), lambda: built, threads)

    def stopped(self, tables: TrainingTables, threads: int, watch: Watch = nobody) -> "FittedLambdaMart":
        """Train on the past snapshots alone, and stop on validation: figures on validation are honest."""
        training, validation = tables()
        learnt_from = usable(training)
        names = learnt_from[0].features.names
        unknown = sorted(set(self.monotone) - set(names))
        if unknown:
            raise ConfigurationError(
                f"The 'monotone' parameter of LambdaMart must name features that are there. "
                f"Got {', '.join(unknown)}; see the feature list of the run."
            )
        parameters = self._parameters(names, threads)
        past = to_lightgbm(RankingTable.concatenate(learnt_from), parameters)
        if not validation.grade.any():  # nDCG would be 1 whatever the trees say
            return _fitted(lgb.train(parameters, past, num_boost_round=self.num_trees))
        history: dict[str, Any] = {}
        booster = lgb.train(
            parameters,
            past,
            num_boost_round=self.num_trees,
            valid_sets=[to_lightgbm(validation, parameters, past)],
            valid_names=["validation"],
            callbacks=[
                *self._stopping,
                lgb.record_evaluation(history),
                lambda state: watch(state.iteration + 1, _rounded(state.evaluation_result_list[0][2])),
            ],
        )
        curve = history["validation"][f"ndcg@{self.stop_at}"]
        return _fitted(booster, tuple(_rounded(value) for value in curve))

    @property
    def _stopping(self) -> list[Any]:
        if self.stop_after is None:
            return []
        # min_delta: a difference in the last bits of a mean must not decide
        return [lgb.early_stopping(self.stop_after, verbose=False, min_delta=1e-6)]

    def refitted(
        self, stopped: "FittedLambdaMart", tables: TrainingTables, threads: int
    ) -> "FittedLambdaMart":
        """Train once more on validation too, as many trees; what was given, without `refit` or validation."""
        if not self.refit or not stopped.validation_curve:
            return stopped
        return self._on_everything(tables, threads, stopped.n_trees, stopped.validation_curve)

    @property
    def needs_validation(self) -> bool:
        """Whether validation counts the trees or stays unseen; if not, one training on everything does."""
        return not self.refit or self.stop_after is not None

    def unstopped(self, tables: TrainingTables, threads: int) -> "FittedLambdaMart":
        """Train on validation too at once, all trees; as `fit` ends, where it does not need validation."""
        return self._on_everything(tables, threads, self.num_trees)

    def _on_everything(
        self, tables: TrainingTables, threads: int, n_trees: int, curve: tuple[float, ...] = ()
    ) -> "FittedLambdaMart":
        training, validation = tables()
        everything = RankingTable.concatenate([validation, *usable(training)])
        parameters = self._parameters(everything.features.names, threads)
        return _fitted(lgb.train(parameters, to_lightgbm(everything, parameters), n_trees), curve)

    def _parameters(self, names: Sequence[str], threads: int) -> dict[str, Any]:
        parameters: dict[str, Any] = {
            "objective": self.objective,
            "metric": "ndcg",
            "eval_at": [self.stop_at],
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_rows_a_leaf,
            "learning_rate": self.learning_rate,
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.row_fraction,
            "bagging_freq": 1 if self.row_fraction < 1 else 0,
            "lambda_l2": self.l2,
            "lambdarank_truncation_level": self.truncation,
            "seed": self.seed,
            "num_threads": threads,
            # A histogram belongs to one thread: equal trees for any number of threads.
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
        }
        if self.monotone:
            parameters["monotone_constraints"] = [int(self.monotone.get(name, 0)) for name in names]
        return parameters


@dataclass(frozen=True)
class FittedLambdaMart(Saved):
    """Trees as LightGBM's text model.

    Parameters
    ----------
    model : str
    features : tuple of str
        Columns of the training tables, in order; checked at use.
    validation_curve : tuple of float
        nDCG on the validation snapshot after each tree.
    """

    model: str
    features: tuple[str, ...]
    validation_curve: tuple[float, ...]
    _booster: Any = field(init=False, repr=False, compare=False)
    _scorer: FittedScorer = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_booster", lgb.Booster(model_str=self.model))
        object.__setattr__(self, "_scorer", Native().of(self._trees()))

    def _trees(self, sample: npt.NDArray[np.float32] | None = None) -> Trees:
        return Trees(self.model, sample, self._booster)

    def with_scorer(self, scorer: Scorer, sample: FeatureMatrix | None = None) -> Self:
        """The same trees, added up by another scorer: equal scores, byte for byte, at another speed.

        Parameters
        ----------
        scorer : Scorer
        sample : FeatureMatrix or None
            Rows of real features on which it must agree with LightGBM, beside those that are drawn.
        """
        rows = None if sample is None else ordered(sample, self.features)
        other = copy.copy(self)
        object.__setattr__(other, "_scorer", scorer.of(self._trees(rows)))
        return other

    @property
    def scorers(self) -> tuple[str, ...]:
        """Which scorer adds the trees up, after any fallback."""
        return (self._scorer.name,)

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return int(self._booster.num_trees())

    def score(self, candidates: Candidates, features: FeatureMatrix | None) -> npt.NDArray[np.float32]:
        """Sum of the leaves; the columns are put in order by name.

        Raises
        ------
        DataContractError
            If a column that the trees were trained on is missing, or one is new.
        """
        return self._scorer.score(trained_on(features, self.features))

    def importance(self) -> dict[str, float]:
        """Share of the total gain of each feature."""
        gain = self._booster.feature_importance("gain")
        return dict(zip(self.features, (gain / max(gain.sum(), 1e-12)).tolist(), strict=True))

    def save(self, folder: Path) -> None:
        """Write the model as text and its feature list beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.txt").write_bytes(self.model.encode())
        _Columns(self.features, self.validation_curve, _digest(self.model.encode())).save(folder / "columns")
        (folder / "value.json").write_text(
            '{"class": "ranking.lambdamart:FittedLambdaMart", "fields": {}}', encoding="utf-8"
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        ArtefactError
            If the model is missing or not the one that was written; LightGBM never sees it, since half a
            model kills the process with SIGABRT or SIGSEGV.
        """
        columns = _Columns.load(folder / "columns")
        try:
            model = (folder / "model.txt").read_bytes()
        except OSError as error:
            raise ArtefactError(f"{folder} must hold a LightGBM text model. Got: {error}.") from error
        if _digest(model) != columns.digest:
            raise ArtefactError(f"{folder / 'model.txt'} is not what was written; it was cut or changed.")
        return cls(model.decode(), columns.features, columns.validation_curve)


@dataclass(frozen=True)
class _Columns(Saved):
    features: tuple[str, ...]
    validation_curve: tuple[float, ...]
    digest: str


def _fitted(booster: lgb.Booster, curve: tuple[float, ...] = ()) -> "FittedLambdaMart":
    """The trees up to the best one, their leaves rounded."""
    best = booster.best_iteration if booster.best_iteration > 0 else booster.current_iteration()
    return FittedLambdaMart(
        model=_without_threads(with_rounded_leaves(booster.model_to_string(num_iteration=best))),
        features=tuple(booster.feature_name()),
        validation_curve=curve,
    )


def _digest(model: bytes) -> str:
    return hashlib.sha256(model).hexdigest()


def _rounded(ndcg: float) -> float:
    """LightGBM adds the queries up by thread, so that the last bits depend on the number of threads."""
    return round(float(ndcg), 9)


def _without_threads(model: str) -> str:
    """The text model without the number of threads that trained it: equal trees, equal bytes."""
    return re.sub(r"^\[num_threads: \d+\]$", "[num_threads: 1]", model, flags=re.MULTILINE)
