"""Reviews and products in the public layout."""

import json
from pathlib import Path

import numpy as np
import pytest

from dataset.cleaning import Cleaning, clean
from dataset.cosing import load_cosing
from dataset.encoding import encode
from dataset.errors import DataContractError
from dataset.ingredients import coverage
from dataset.sources.kaggle_sephora import KaggleSephora

_REVIEWS = (
    "author_id,rating,is_recommended,submission_time,skin_tone,eye_color,skin_type,hair_color,product_id\n"
)
_PRODUCTS = (
    "product_id,product_name,brand_name,loves_count,rating,reviews,ingredients,price_usd,out_of_stock,"
    "highlights,primary_category,secondary_category,tertiary_category\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "reviews_0-2.csv").write_text(
        _REVIEWS + "007,5,1,2020-04-28,tan,brown,dry,,P1\nNA,4,1,2021-10-22,,,,,P2\n"
    )
    (tmp_path / "reviews_2-end.csv").write_text(_REVIEWS + "007,1,0,not a day,fair,,oily,,P2\n")
    (tmp_path / "product_info.csv").write_text(
        _PRODUCTS
        + "P1,Serum,Lumi,9,4.5,3,\"['Aqua (Water), Glycerin']\",24.0,1,\"['Good for: Dryness/Redness', "
        "'allure 2020 Best of Beauty Award Winner', 'Community Favorite', 'Best for Dry Skin']\","
        "Skincare,Treatments,\n"
        "P2,Mask,Lumi,9,4.5,3,\"['Water', \",dear,0,\"__import__('os')\",Skincare,Masks,Face Masks\n"
    )
    return tmp_path


def test_reviews_are_ratings_with_statements(folder: Path) -> None:
    tables = KaggleSephora(path=str(folder)).read()
    events = tables.interactions
    assert events["user"].tolist() == ["007", "NA", "007"]
    assert events["value"].tolist() == [5.0, 4.0, 1.0]
    assert str(events["timestamp"].iloc[0]) == "2020-04-28 00:00:00+00:00"
    assert events["timestamp"].isna().tolist() == [False, False, True]
    assert events["skin_type"].fillna("-").tolist() == ["dry", "-", "oily"]
    assert tables.stated == ("skin_type", "skin_tone", "eye_color", "hair_color")
    _, quarantine = clean(tables, Cleaning.default(max_quarantined_share=0.5))
    assert quarantine.report()["reasons"]["interactions"] == {"timestamp is missing": 1}


def test_products_tell_nothing_of_the_future(folder: Path) -> None:
    item = KaggleSephora(path=str(folder)).read().items.iloc[0]
    assert item["category"] == "Skincare > Treatments"
    assert item["ingredients"] == ["water", "glycerin"]
    assert item["in_stock"]
    assert item["functions"] == [
        "good for: dryness/redness", "best for dry skin", "dryness", "redness", "skincare", "treatments"
    ]  # fmt: skip


def test_functions_of_the_ingredients(folder: Path) -> None:
    (folder / "cosing.csv").write_text("inci_name,function\nAQUA,Solvent\nGLYCERIN,Humectant\n")
    source = KaggleSephora(path=str(folder), cosing=str(folder / "cosing.csv"))
    assert source.read().items["functions"].iloc[0][-2:] == ["function:solvent", "function:humectant"]
    assert [path.name for path in source.inputs()] == [
        "product_info.csv", "reviews_0-2.csv", "reviews_2-end.csv", "cosing.csv"
    ]  # fmt: skip


def test_cells_that_cannot_be_read_are_counted(folder: Path) -> None:
    tables = KaggleSephora(path=str(folder)).read()
    broken = tables.items.iloc[1]
    assert broken["ingredients"] == []
    assert np.isnan(broken["price"])
    assert broken["functions"] == ["skincare", "masks", "face masks"]
    assert tables.rejected["level"].unique().tolist() == ["cell"]
    assert sorted(tables.rejected["reason"]) == [
        "highlights is not a list of strings",
        "ingredients is not a list of strings",
        "price_usd is not a number",
    ]
    assert json.loads(tables.rejected["row"].iloc[0])["product_id"] == "P2"


def test_clear_refusals(folder: Path) -> None:
    with pytest.raises(DataContractError, match="there is none"):
        KaggleSephora(path=str(folder / "absent")).read()
    (folder / "reviews_2-end.csv").write_text("author_id,stars\n1,2\n")
    with pytest.raises(
        DataContractError, match=r"reviews_2-end.csv must .* rating.* It has author_id, stars"
    ):
        KaggleSephora(path=str(folder)).read()
    (folder / "product_info.csv").unlink()
    with pytest.raises(DataContractError, match="the products"):
        KaggleSephora(path=str(folder)).inputs()


@pytest.mark.data
@pytest.mark.slow
def test_the_real_reviews(sephora: Path, cosing: Path) -> None:
    raw = KaggleSephora(path=str(sephora)).read()
    found = coverage(raw.items["ingredients"], load_cosing(cosing))
    assert found.mentions > 83_000
    assert found.share > 0.975
    tables, quarantine = clean(raw)
    assert not len(quarantine.rows)
    dataset = encode(tables, "sephora")
    assert (len(dataset.users), len(dataset.items), len(dataset.interactions)) == (100_644, 2_420, 216_428)
    assert len(np.unique(dataset.interactions.item)) == 2_253
    assert (dataset.interactions.time < np.datetime64("2022-07-01", "s").astype(np.int64)).sum() == 189_595
