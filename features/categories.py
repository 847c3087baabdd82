"""The levels of a category path."""

import numpy as np

from dataset.ragged import Categorical
from dataset.words import SEPARATOR


def top_levels(category: Categorical, depth: int) -> Categorical:
    """The first `depth` levels of each path as one label; shorter paths stay whole.

    Codes follow the labels of the whole data set, so they mean the same at every snapshot.
    """
    tops = [SEPARATOR.join(name.split(SEPARATOR)[:depth]) for name in category.names]
    names = sorted(set(tops))
    code_of = {name: code for code, name in enumerate(names)}
    codes = np.append([code_of[top] for top in tops], -1).astype(np.int32)
    return Categorical(codes[category.codes], tuple(names))
