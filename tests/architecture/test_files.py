"""What must not stand in any committed file."""

import re

import pytest

# Written in two parts, so that this file does not find itself.
REGISTRY = "|".join(
    left + right
    for left, right in [
        (r"\bpypi\.", "org"), (r"pythonhosted\.", "org"), (r"registry\.npmjs\.", "org"),
        (r"anaconda\.", "org"), (r"proxy\.golang\.", "org"), (r"--(extra-)?index", "-url[ =]"),
        (r"--find", "-links"), (r"https?://\S+/sim", r"ple\b"),
    ]
)  # fmt: skip
PICKLE = "|".join(
    left + right
    for left, right in [
        (r"allow_pickle\s*=\s*", "True"), (r"\bpickle", r"\.loads?\("), (r"joblib", r"\.load\("),
        (r"read_", r"pickle\("), (r"torch", r"\.load\("),
    ]
)  # fmt: skip
MAXIMUM_BYTES = 1_000_000


@pytest.mark.parametrize("pattern", [REGISTRY, PICKLE], ids=["registry addresses", "pickles"])
def test_no_committed_file_holds(committed, repository, pattern):
    found = {}
    for path in committed:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if hit := re.search(pattern, text):
            found[str(path.relative_to(repository))] = hit[0]
    assert found == {}


def test_no_lock_of_uv_is_committed(committed):
    assert not [path for path in committed if path.name == "uv.lock"]


def test_no_committed_file_is_heavy(committed, repository):
    heavy = [str(p.relative_to(repository)) for p in committed if p.stat().st_size > MAXIMUM_BYTES]
    assert not heavy
