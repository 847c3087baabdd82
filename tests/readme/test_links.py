"""The pages point to what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
OURS = re.compile(
    r"(dataset|features|retrieval|ranking|evaluation|pipeline|conf|scripts|tests|benchmarks|docs|\.ci)/[\w./-]*"
)
MAXIMUM_WIDTH = 120


def page_ids() -> list[str]:
    return [str(page.relative_to(ROOT)) for page in PAGES]


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ +(.*)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_ids())
def test_links_lead_somewhere(page):
    broken = []
    for target in LINK.findall(prose(page)):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=page_ids())
def test_paths_in_the_text_exist(page):
    named = [name for name in CODE.findall(prose(page)) if OURS.fullmatch(name) and "NAME" not in name]
    assert not [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("page", PAGES, ids=page_ids())
def test_lines_fit_a_screen(page):
    plain = [line for line in prose(page).splitlines() if not line.startswith("|")]
    assert not [line for line in plain if len(line) > MAXIMUM_WIDTH]


def test_every_page_is_reachable_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        targets = [target.partition("#")[0] for target in LINK.findall(prose(page))]
        linked = [(page.parent / target).resolve() for target in targets if "://" not in target]
        waiting += [path for path in linked if path.suffix == ".md" and path.exists()]
    assert not [str(page.relative_to(ROOT)) for page in PAGES if page not in reached]


def test_every_decision_is_listed(repository):
    listed = (repository / "docs" / "adr" / "README.md").read_text()
    numbers = [page.name for page in sorted((repository / "docs" / "adr").glob("0*.md"))]
    assert [name[:4] for name in numbers] == [f"{n:04d}" for n in range(1, len(numbers) + 1)]
    assert not [name for name in numbers if f"({name})" not in listed]
