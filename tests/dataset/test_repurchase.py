import numpy as np
import pytest

from dataset.errors import ParameterError
from dataset.interactions import KINDS, SECONDS_PER_DAY, Interactions
from dataset.items import UNKNOWN_TIME, Items
from dataset.ragged import Categorical, TokenLists
from dataset.repurchase import NEVER, Repurchase

DAY = SECONDS_PER_DAY


def events(*rows):
    """Rows of user, item, day, kind."""
    user, item, day, kind = zip(*rows, strict=True)
    return Interactions(
        user=np.array(user, np.int32),
        item=np.array(item, np.int32),
        kind=np.array([KINDS.index(name) for name in kind], np.int8),
        value=np.full(len(rows), np.nan, np.float32),
        time=np.array(day, np.int64) * DAY,
    ).sorted()


def items_of(*categories):
    n = len(categories)
    return Items(
        brand=Categorical(np.zeros(n, np.int32), ("x",)),
        category=Categorical.of(categories),
        price=np.ones(n, np.float32),
        in_stock=np.ones(n, bool),
        launched=np.full(n, UNKNOWN_TIME),
        ingredients=TokenLists.empty(n),
        functions=TokenLists.empty(n),
    )


SHOP = items_of("cream", "cream", "serum", None)
BOUGHT = [
    (0, 0, 0, "purchase"), (0, 0, 10, "purchase"), (0, 0, 40, "purchase"),  # 10 and 30 days
    (1, 1, 5, "purchase"), (1, 1, 25, "purchase"),  # 20 days, the same category
    (1, 1, 26, "rating"), (1, 1, 27, "view"),  # no purchase
    (2, 2, 3, "purchase"), (2, 2, 3, "purchase"),  # one moment, one purchase
    (2, 0, 4, "purchase"), (3, 0, 90, "purchase"),  # of two users
    (3, 3, 0, "purchase"), (3, 3, 60, "purchase"),  # without a category
]  # fmt: skip


def test_the_median_gap_of_a_category():
    found = Repurchase(min_gaps=3).intervals(events(*BOUGHT), SHOP)
    assert found.tolist() == [20 * DAY, 20 * DAY, NEVER, NEVER]


def test_a_quantile_and_the_whole_shop():
    found = Repurchase(min_gaps=3, quantile=1.0, otherwise="shop").intervals(events(*BOUGHT), SHOP)
    assert found.tolist() == [30 * DAY, 30 * DAY, 60 * DAY, 60 * DAY]


def test_too_few_gaps_everywhere():
    found = Repurchase(min_gaps=5, otherwise="shop").intervals(events(*BOUGHT), SHOP)
    assert (found == NEVER).all()
    assert (Repurchase(min_gaps=4).intervals(events(*BOUGHT), SHOP) == NEVER).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [("quantile", 1.1), ("quantile", "half"), ("min_gaps", 0), ("otherwise", "maybe"), ("kinds", []),
     ("kinds", ["bought"])],
)  # fmt: skip
def test_wrong_settings_are_refused(name, value):
    with pytest.raises(ParameterError, match=f"'{name}' parameter of Repurchase"):
        Repurchase(**{name: value})
