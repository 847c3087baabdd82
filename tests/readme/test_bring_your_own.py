"""From the files of a shop to an experiment, with the YAML and the commands of the guide as they stand."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from dataset.sources.shop import Shop
from tests.end_to_end.commands import command
from tests.readme.commands import arguments


def export(folder: Path) -> None:
    """The files that the guide's first mapping describes, from a shop of our own."""
    tables = Shop(n_users=200, n_items=80, n_days=365, events_per_user=60).read()
    items = tables.items
    levels = items["category"].str.split(" > ", n=1, expand=True)
    products = {
        "sku": items["item"], "title": items["name"], "maker": items["brand"], "department": levels[0],
        "shelf": levels[1], "price_eur": items["price"], "inci": items["ingredients"].str.join(", "),
        "benefits": items["functions"].str.join("|"), "available": items["in_stock"],
        "first_sold": items["launched_at"].dt.strftime("%Y-%m-%d"),
    }  # fmt: skip
    users = tables.users
    customers = {
        "customer": users["user"], "age_years": users["age"], "home": users["region"],
        "skin": users["skin_type"], "needs": users["concerns"].str.join("|"),
        "never": users["avoids"].str.join(";"), "club": "gold",
    }  # fmt: skip
    events = tables.interactions
    bought, seen = events[events["kind"] == "purchase"], events[events["kind"].isin(["view", "like"])]
    local = bought["timestamp"].dt.tz_convert("Europe/Paris").dt.strftime("%Y-%m-%d %H:%M:%S")
    orders = {
        "customer": bought["user"],
        "sku": bought["item"],
        "ordered_at": local,
        "units": bought["quantity"],
    }
    action = seen["kind"].map({"view": "page", "like": "heart"})
    when = seen["timestamp"].astype("int64") // 1_000_000
    clicks = {"customer": seen["user"], "sku": seen["item"], "action": action, "when": when}
    folder.mkdir()
    files = {"products": products, "customers": customers, "orders": orders, "clicks": clicks}
    for name, columns in files.items():
        pd.DataFrame(columns).to_csv(folder / f"{name}.csv", index=False)


@pytest.mark.slow
def test_the_guide_runs_as_written(repository, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    guide = (repository / "docs" / "bring_your_own_tables.md").read_text(encoding="utf-8")
    mapping = re.findall(
        r"^```yaml\n(.*?)^```", guide.split("## Several systems")[0], re.MULTILINE | re.DOTALL
    )
    (tmp_path / "mapping.yaml").write_text("\n".join(mapping))
    export(tmp_path / "exports")
    shown = re.findall(r"^```sh\n(.*?)^```", guide.split("## Then")[1], re.MULTILINE | re.DOTALL)[0]
    for line in shown.splitlines():
        done = command(*arguments(line))
        assert done.code == 0, f"{line}\n{done.out}\n{done.err}"
    report = json.loads((tmp_path / "var/tables/shop/report.json").read_text())
    assert len(shown.splitlines()) == 3
    assert "interactions" in json.dumps(report)
    assert list((tmp_path / "var/runs").glob("*/metrics.json"))
