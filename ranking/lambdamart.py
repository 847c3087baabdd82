"""Gradient-boosted trees trained on pairs weighted by what swapping them would change in nDCG."""

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
from dataset.errors import ArtefactError, ConfigurationError, DataContractError, ParameterError
from dataset.feature_matrix import FeatureMatrix
from dataset.parameters import check_bool, check_choice, check_int, check_mapping, check_number
from dataset.persistence import Saved
from ranking.ranker import TrainingTables, Watch, nobody
from ranking.sampling import Sampling
from ranking.table import RankingTable

MAX_ROWS_A_QUERY = 10_000  # LightGBM refuses larger groups
MAX_GRADE = 30  # LightGBM's table of gains ends there


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
    stop_after : int
        Trees without a better nDCG on validation before training stops.
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
    stop_after: int = 40
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
        for name in ("min_rows_a_leaf", "num_trees", "stop_after", "stop_at", "truncation"):
            check_int(self, name, low=1)
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
        training, validation = tables()
        usable = [table for table in training if table.grade.any()]
        if not usable:
            raise DataContractError(
                "The ranker needs past queries whose truth retrieval found. Got none; move the cut-off "
                "later, widen the sources or take ranking=reciprocal_rank_fusion."
            )
        names = usable[0].features.names
        unknown = sorted(set(self.monotone) - set(names))
        if unknown:
            raise ConfigurationError(
                f"The 'monotone' parameter of LambdaMart must name features that are there. "
                f"Got {', '.join(unknown)}; see the feature list of the run."
            )
        parameters = self._parameters(names, threads)
        past = _to_lightgbm(RankingTable.concatenate(usable), parameters)
        history: dict[str, Any] = {}
        if not validation.grade.any():  # nDCG would be 1 whatever the trees say
            booster = lgb.train(parameters, past, num_boost_round=self.num_trees)
            return self._fitted(booster, validation, history)
        booster = lgb.train(
            parameters,
            past,
            num_boost_round=self.num_trees,
            valid_sets=[_to_lightgbm(validation, parameters, past)],
            valid_names=["validation"],
            callbacks=[
                # min_delta: a difference in the last bits of a mean must not decide
                lgb.early_stopping(self.stop_after, verbose=False, min_delta=1e-6),
                lgb.record_evaluation(history),
                lambda state: watch(state.iteration + 1, _rounded(state.evaluation_result_list[0][2])),
            ],
        )
        if self.refit:
            everything = _to_lightgbm(RankingTable.concatenate([validation, *usable]), parameters)
            booster = lgb.train(parameters, everything, num_boost_round=booster.best_iteration)
        return self._fitted(booster, validation, history)

    def _fitted(
        self, booster: lgb.Booster, table: RankingTable, history: dict[str, Any]
    ) -> "FittedLambdaMart":
        best = booster.best_iteration if booster.best_iteration > 0 else booster.current_iteration()
        curve = history.get("validation", {}).get(f"ndcg@{self.stop_at}", [])
        return FittedLambdaMart(
            model=_without_threads(booster.model_to_string(num_iteration=best)),
            features=tuple(booster.feature_name()),
            validation_curve=tuple(_rounded(value) for value in curve),
        )

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

    def __post_init__(self) -> None:
        object.__setattr__(self, "_booster", lgb.Booster(model_str=self.model))

    def score(self, candidates: Candidates, features: FeatureMatrix | None) -> npt.NDArray[np.float32]:
        """Sum of the leaves; the columns are put in order by name.

        Raises
        ------
        DataContractError
            If a column that the trees were trained on is missing, or one is new.
        """
        if features is None or set(features.names) != set(self.features):
            given = set() if features is None else set(features.names)
            missing, extra = sorted(set(self.features) - given), sorted(given - set(self.features))
            raise DataContractError(
                f"The ranker needs the features that it was trained on. Missing: {missing}; unknown: {extra}."
            )
        values = features.values
        if features.names != self.features:
            values = np.ascontiguousarray(values[:, [features.names.index(name) for name in self.features]])
        if not len(values):
            return np.zeros(0, np.float32)
        return np.asarray(self._booster.predict(values, num_threads=1), np.float32)

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


def _digest(model: bytes) -> str:
    return hashlib.sha256(model).hexdigest()


def _rounded(ndcg: float) -> float:
    """LightGBM adds the queries up by thread, so that the last bits depend on the number of threads."""
    return round(float(ndcg), 9)


def _without_threads(model: str) -> str:
    """The text model without the number of threads that trained it: equal trees, equal bytes."""
    return re.sub(r"^\[num_threads: \d+\]$", "[num_threads: 1]", model, flags=re.MULTILINE)


def _to_lightgbm(
    table: RankingTable, parameters: Mapping[str, Any], reference: lgb.Dataset | None = None
) -> lgb.Dataset:
    sizes = np.diff(table.offsets)
    if sizes.max(initial=0) > MAX_ROWS_A_QUERY:
        raise DataContractError(
            f"LightGBM takes at most {MAX_ROWS_A_QUERY:,} candidates a query. Got {sizes.max():,}; "
            "lower retrieval.budget."
        )
    if not ((table.grade >= 0) & (table.grade <= MAX_GRADE)).all():  # so that NaN fails too
        raise DataContractError(
            f"Grades must be within 0 and {MAX_GRADE}. Got {table.grade.min()} to {table.grade.max()}."
        )
    features = table.features
    return lgb.Dataset(
        features.values,
        label=table.grade.astype(np.float32),
        group=sizes[sizes > 0],
        feature_name=list(features.names),
        categorical_feature=list(features.categorical),
        reference=reference,
        params={"verbosity": -1, "num_threads": parameters["num_threads"]},
        free_raw_data=True,
    )
