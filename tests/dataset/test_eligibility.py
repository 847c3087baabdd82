from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.eligibility import Eligibility, ingredient_bits
from dataset.ragged import Ragged, TokenLists

ROWS = 25


def shop(make_dataset, seed, words=0):
    """A dataset, with `words` more ingredients that somebody avoids, and its eligibility."""
    rng = np.random.default_rng(seed)
    dataset = make_dataset(seed)
    items, users = dataset.items, dataset.users
    if words:
        names = np.array([f"inci {at}" for at in range(words)])
        items = replace(items, ingredients=TokenLists.of([rng.choice(names, 9) for _ in range(len(items))]))
        users = replace(users, avoids=TokenLists.of([rng.choice(names, 3) for _ in range(len(users))]))
    user = rng.integers(0, len(users), ROWS)
    item_bits, user_bits = ingredient_bits(items, users)
    owned = Ragged.from_pairs(rng.integers(0, ROWS, 80), rng.integers(0, len(items), 80), ROWS)
    return items, users, user, Eligibility(rng.random(len(items)) < 0.8, item_bits, user_bits[user], owned)


def allowed(items, users, user, eligibility):
    """What may be shown, by the definition: bool of shape (ROWS, n_items)."""
    return np.array(
        [
            [
                bool(eligibility.available[item])
                and not set(items.ingredients.words_of(item)) & set(users.avoids.words_of(user[row]))
                and item not in eligibility.owned[row]
                for item in range(len(items))
            ]
            for row in range(ROWS)
        ]
    )


@pytest.mark.parametrize("words", [pytest.param(0, marks=pytest.mark.slow), 200])
@given(seed=st.integers(0, 2**32 - 1))
def test_three_ways_to_ask_agree_with_the_definition(make_dataset, words, seed):
    items, users, user, eligibility = shop(make_dataset, seed, words)
    expected = allowed(items, users, user, eligibility)
    np.testing.assert_array_equal([eligibility.mask(row) for row in range(ROWS)], expected)
    rows, columns = np.indices(expected.shape)
    np.testing.assert_array_equal(eligibility.allows(rows.ravel(), columns.ravel()), expected.ravel())
    np.testing.assert_array_equal(eligibility.n_eligible, expected.sum(axis=1))
    some = np.array([3, 3, 0])
    np.testing.assert_array_equal(eligibility.take(some).n_eligible, expected.sum(axis=1)[some])


def test_more_than_64_avoided_ingredients_need_a_second_word(make_dataset):
    items, users, _, _ = shop(make_dataset, 1, words=200)
    item_bits, user_bits = ingredient_bits(items, users)
    n_avoided = len({word for row in range(len(users)) for word in users.avoids.words_of(row)})
    assert item_bits.shape[1] == user_bits.shape[1] == -(-n_avoided // 64) > 1


def test_an_avoided_word_that_no_item_holds_excludes_nothing(make_dataset):
    dataset = make_dataset(0)
    users = replace(dataset.users, avoids=TokenLists.of([["unheard of"]] * len(dataset.users)))
    item_bits, user_bits = ingredient_bits(dataset.items, users)
    assert not item_bits.any()
    assert user_bits.all()


FAMILIES = ("parabens", "Sulfate-free", "no silicones", "fragrance allergens", "alcohol", "PEGs", "parfum")


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_member_of_an_avoided_family_is_never_eligible(make_dataset, seed):
    rng = np.random.default_rng(seed)
    dataset = make_dataset(seed)
    names = np.array([
        "methylparaben", "sodium laureth sulfate", "dimethicone", "linalool", "alcohol denat", "peg-8",
        "fragrance",
        "water", "benzyl alcohol", "pan-thenol",
    ])  # fmt: skip
    items = replace(
        dataset.items, ingredients=TokenLists.of([rng.choice(names, 3) for _ in range(len(dataset.items))])
    )
    wishes = np.array([*FAMILIES, "Panthenol", "unheard of"])
    users = replace(
        dataset.users, avoids=TokenLists.of([rng.choice(wishes, 2) for _ in range(len(dataset.users))])
    )
    meant = {
        "parabens": {"methylparaben"},
        "Sulfate-free": {"sodium laureth sulfate"},
        "no silicones": {"dimethicone"},
        "fragrance allergens": {"linalool", "benzyl alcohol"},
        "alcohol": {"alcohol denat"},
        "PEGs": {"peg-8", "sodium laureth sulfate"},
        "parfum": {"fragrance"},
        "Panthenol": {"pan-thenol"},
        "unheard of": set(),
    }
    item_bits, user_bits = ingredient_bits(items, users)
    nothing = Ragged.empty(len(users))
    eligibility = Eligibility(np.ones(len(items), bool), item_bits, user_bits, nothing)
    for user in range(len(users)):
        forbidden = set().union(*(meant[wish] for wish in users.avoids.words_of(user)))
        free = [not forbidden & set(items.ingredients.words_of(item)) for item in range(len(items))]
        assert eligibility.mask(user).tolist() == free


def no_bits(n):
    return np.zeros((n, 1), np.uint64)


def test_no_queries():
    nobody = Eligibility(np.ones(4, bool), no_bits(4), no_bits(0), Ragged.empty(0))
    assert nobody.n_eligible.tolist() == []
    assert nobody.allows(np.zeros(0, np.int64), np.zeros(0, np.int64)).tolist() == []


def test_nothing_owned_and_nothing_avoided():
    free = Eligibility(np.array([True, False]), no_bits(2), no_bits(1), Ragged.empty(1))
    assert free.allows(np.array([0, 0]), np.array([0, 1])).tolist() == [True, False]
    assert free.n_eligible.tolist() == [1]
