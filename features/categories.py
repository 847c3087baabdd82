"""The levels of a category path."""

from typing import Final

import numpy as np

from dataset.ragged import Categorical

SEPARATOR: Final = " > "


def path_prefixes(path: str) -> list[str]:
    """Every prefix of a category path, shortest first.

    Examples
    --------
    >>> path_prefixes("Skincare > Masks")
    ['Skincare', 'Skincare > Masks']
    """
    parts = path.split(SEPARATOR)
    return [SEPARATOR.join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def top_levels(category: Categorical, depth: int) -> Categorical:
    """The first `depth` levels of each path as one label; shorter paths stay whole.

    Codes follow the labels of the whole data set, so they mean the same at every snapshot.
    """
    tops = [SEPARATOR.join(name.split(SEPARATOR)[:depth]) for name in category.names]
    names = sorted(set(tops))
    code_of = {name: code for code, name in enumerate(names)}
    codes = np.append([code_of[top] for top in tops], -1).astype(np.int32)
    return Categorical(codes[category.codes], tuple(names))
