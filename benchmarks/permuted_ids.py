"""A copy of a data set under other ids and in another order, to show that neither tells a model anything.

    python -m benchmarks.permuted_ids ../shared/data/amazon_beauty var/permuted/amazon_beauty
    glowrank experiment experiment=amazon_beauty dataset.path=var/permuted/amazon_beauty run.dir=var/runs/p

Takes the layouts of `dataset=sequences` and `dataset=kaggle_sephora`. What stays is the order of each user's
events and the order of words on a label, which are data.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd


def main() -> None:
    """Write the copy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True)
    rng = np.random.default_rng(asked.seed)
    permute = _reviews if (asked.source / "product_info.csv").exists() else _sequences
    permute(asked.source, asked.out, rng)
    print(f"Written to {asked.out}")


def _sequences(source: Path, out: Path, rng: np.random.Generator) -> None:
    """Lines of a user and items, and the items' attributes."""
    (events,) = source.glob("*.txt")
    lines = [line.split() for line in events.read_text(encoding="utf-8").splitlines() if line.strip()]
    listed = {
        path: json.loads(path.read_text(encoding="utf-8")) for path in source.glob("*item2attributes.json")
    }
    items = {item for line in lines for item in line[1:]} | {item for of in listed.values() for item in of}
    user, item = _renamed({line[0] for line in lines}, rng), _renamed(items, rng)
    text = [" ".join([user[line[0]], *(item[code] for code in line[1:])]) for line in lines]
    (out / events.name).write_text("\n".join(text[at] for at in rng.permutation(len(text))), encoding="utf-8")
    for path, attributes in listed.items():
        codes = list(attributes)
        moved = {item[codes[at]]: attributes[codes[at]] for at in rng.permutation(len(codes))}
        (out / path.name).write_text(json.dumps(moved), encoding="utf-8")
    for path in source.glob("*attribute_names.json"):
        (out / path.name).write_bytes(path.read_bytes())


def _reviews(source: Path, out: Path, rng: np.random.Generator) -> None:
    """Reviews and products of the Kaggle layout."""
    reviews = {
        path: pd.read_csv(path, dtype=str, keep_default_na=False) for path in source.glob("reviews_*.csv")
    }
    products = pd.read_csv(source / "product_info.csv", dtype=str, keep_default_na=False)
    every = pd.concat(list(reviews.values()))
    user = _renamed(set(every["author_id"]), rng)
    item = _renamed(set(every["product_id"]) | set(products["product_id"]), rng)
    for path, frame in reviews.items():
        frame = frame.assign(author_id=frame["author_id"].map(user), product_id=frame["product_id"].map(item))
        frame.sample(frac=1, random_state=rng).to_csv(out / path.name, index=False)
    products = products.assign(product_id=products["product_id"].map(item))
    products.sample(frac=1, random_state=rng).to_csv(out / "product_info.csv", index=False)


def _renamed(ids: set[str], rng: np.random.Generator) -> dict[str, str]:
    """A new name for each id, numbers in an order that is drawn."""
    ordered = sorted(ids)
    return dict(zip(ordered, map(str, rng.permutation(len(ordered)) + 1), strict=True))


if __name__ == "__main__":
    main()
