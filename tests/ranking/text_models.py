"""LightGBM text models with trees at random: what training would seldom give stands in them often."""

import numpy as np
import numpy.typing as npt

from ranking.boosting import with_rounded_leaves

# Not float32, beyond float32, and next to what LightGBM takes for 0.
SMALL = (0.0, 1e-35, -1e-35, 1.0000000180025095e-35, 1e-40)
THRESHOLDS = (0.1, 1 / 3, np.inf, -np.inf, 1e300, -1e300, 3.5e38, 16777217.0, *SMALL)
VALUES = (np.nan, np.inf, -np.inf, -0.0, 0.1, 1 / 3, -0.5, 31.0, 32.0, 3e38, 3e9, *SMALL)


def text_model(
    seed: int, n_trees: int = 5, most_leaves: int = 31, n_features: int = 4, categories: bool = True
) -> str:
    """A model of `n_trees` trees of up to `most_leaves` leaves."""
    rng = np.random.default_rng(seed)
    names = " ".join(f"f{at}" for at in range(n_features))
    infos = " ".join("[-1:1]" for _ in range(n_features))
    head = [
        "tree", "version=v4", "num_class=1", "num_tree_per_iteration=1", "label_index=0",
        f"max_feature_idx={n_features - 1}", "objective=lambdarank", f"feature_names={names}",
        f"feature_infos={infos}",
    ]  # fmt: skip
    sizes = rng.integers(1, most_leaves + 1, n_trees)
    trees = [_tree(rng, at, int(size), n_features, categories) for at, size in enumerate(sizes)]
    return "\n".join([*head, "", *trees, "end of trees", "", "parameters:", "end of parameters", ""])


def rows(seed: int, n: int, n_features: int = 4) -> npt.NDArray[np.float32]:
    """Rows of ordinary numbers, category codes and everything odd."""
    rng = np.random.default_rng(seed)
    shape = n, n_features
    kinds = rng.normal(size=shape), rng.integers(0, 80, shape), rng.choice(VALUES, shape)
    return np.choose(rng.integers(0, 3, shape), kinds).astype(np.float32)


def rounded(model: str) -> str:
    """The model as `LambdaMart` would keep it."""
    return with_rounded_leaves(model)


def _tree(rng: np.random.Generator, number: int, n_leaves: int, n_features: int, categories: bool) -> str:
    lines = [f"Tree={number}", f"num_leaves={n_leaves}"]
    ending = ["is_linear=0", "shrinkage=1", "", ""]
    if n_leaves == 1:
        return "\n".join([*lines, "num_cat=0", f"leaf_value={rng.normal():.17g}", *ending])
    left, right, n = [-1], [-2], 1
    for leaf in range(2, n_leaves):  # a leaf at random becomes a split
        place = int(rng.integers(0, 2 * n))
        side = (left, right)[place % 2]
        while side[place // 2] >= 0:
            place = int(rng.integers(0, 2 * n))
            side = (left, right)[place % 2]
        old, side[place // 2] = side[place // 2], n
        left.append(old)
        right.append(-1 - leaf)
        n += 1
    is_category = (rng.random(n) < 0.3) & categories
    missing = rng.integers(0, 3, n)
    kind = np.where(is_category, 1, (missing << 2) | (2 * rng.integers(0, 2, n)))
    odd = rng.choice(THRESHOLDS, n)
    threshold = np.where(rng.random(n) < 0.5, odd, rng.normal(size=n))
    threshold[is_category] = np.arange(is_category.sum())
    words = [rng.integers(0, 2**32, rng.integers(1, 4), dtype=np.uint64) for _ in range(is_category.sum())]
    columns = {
        "num_cat": [len(words)],
        "split_feature": rng.integers(0, n_features, n),
        "split_gain": np.ones(n),
        "threshold": threshold,
        "decision_type": kind,
        "left_child": left,
        "right_child": right,
        "leaf_value": rng.normal(size=n_leaves),
        "leaf_weight": np.ones(n_leaves),
        "leaf_count": np.ones(n_leaves, int),
        "internal_value": np.zeros(n),
        "internal_weight": np.ones(n),
        "internal_count": np.ones(n, int),
    }
    if words:
        columns["cat_boundaries"] = np.cumsum([0, *map(len, words)])
        columns["cat_threshold"] = np.concatenate(words)
    lines += [f"{name}={' '.join(f'{value:.17g}' for value in column)}" for name, column in columns.items()]
    return "\n".join([*lines, *ending])
