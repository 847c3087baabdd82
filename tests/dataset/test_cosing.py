"""The inventory of functions, small and real."""

import math
from pathlib import Path

import pytest

from dataset.cosing import coverage, function_words, load_cosing
from dataset.errors import DataContractError


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "cosing.csv"
    path.write_text(
        "inci_name,cas_number,function\nAQUA,7732-18-5,Solvent\n"
        'WATER,,"Solvent, Moisturising"\nGLYCERIN,,"Humectant, Skin Conditioning"\nMICA,,\n'
    )
    return path


def test_names_that_normalise_alike_share_the_union(inventory: Path) -> None:
    assert load_cosing(inventory) == {
        "water": ("moisturising", "solvent"),
        "glycerin": ("humectant", "skin conditioning"),
        "mica": (),
    }


def test_words_repeat_with_the_ingredients(inventory: Path) -> None:
    words = function_words(["water", "glycerin", "unknown", "mica"], load_cosing(inventory))
    assert words == [
        "function:moisturising",
        "function:solvent",
        "function:humectant",
        "function:skin conditioning",
    ]


def test_coverage(inventory: Path) -> None:
    known = load_cosing(inventory)
    assert coverage([["water", "unknown"], ["mica", "water"]], known) == 0.75
    assert math.isnan(coverage([], known))


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("name,uses\na,b\n")
    with pytest.raises(DataContractError, match=r"x\.csv must have the columns inci_name, function"):
        load_cosing(tmp_path / "x.csv")
    with pytest.raises(DataContractError, match="Reading it failed"):
        load_cosing(tmp_path / "absent.csv")


@pytest.mark.data
def test_the_real_inventory(cosing: Path) -> None:
    known = load_cosing(cosing)
    assert len(known) > 28_000
    assert "solvent" in known["water"]
    assert "perfuming" in known["linalool"]
