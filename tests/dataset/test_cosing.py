"""The inventory of functions, small and real."""

from pathlib import Path

import pytest

from dataset.cosing import Inventory, function_words, load_cosing
from dataset.errors import DataContractError
from dataset.ingredients import coverage


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


def test_hyphens_spaces_and_a_plural_make_no_difference() -> None:
    known = Inventory({"xanthan gum": ("binding",), "triethoxycaprylylsilane": (), "1,2-hexanediol": ()})
    for name in ("xanthan gum", "xanthan-gum", "xanthangum", "xanthan gums"):
        assert known[name] == ("binding",)
    assert known.placed("tri-ethoxycaprylyl silane") == "triethoxycaprylylsilane"
    assert known.placed("12-hexanediol") is None
    assert "gum" not in known
    assert len(known) == len(list(known)) == 3


def test_what_is_read_as_several_ingredients_keeps_its_name(tmp_path: Path) -> None:
    path = tmp_path / "cosing.csv"
    path.write_text('inci_name,function\n"ROSA EXT., OXIDIZED",Masking\nROSA,\n')
    assert load_cosing(path) == {"rosa ext., oxidized": ("masking",), "rosa": ()}


def test_coverage(inventory: Path) -> None:
    assert coverage([["water", "unknown"], ["mica", "water"]], load_cosing(inventory)).share == 0.75


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("name,uses\na,b\n")
    with pytest.raises(DataContractError, match=r"x\.csv must have the columns inci_name, function"):
        load_cosing(tmp_path / "x.csv")
    with pytest.raises(DataContractError, match="Reading it failed"):
        load_cosing(tmp_path / "absent.csv")


@pytest.mark.slow
@pytest.mark.data
def test_the_real_inventory(cosing: Path) -> None:
    known = load_cosing(cosing)
    assert len(known) > 28_000
    assert "solvent" in known["water"]
    assert "perfuming" in known["linalool"]
