"""The folder of lists as `publish` reads it: nothing that is not what its manifest says, every list whole."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataset.errors import ArtefactError
from pipeline.artefacts import sha256
from pipeline.publishing import lists as lists_module
from pipeline.publishing.lists import FinishedLists
from pipeline.publishing.target import Edition, served
from tests.pipeline.list_folders import ODD, Lists, uniform, write_folder


def read(lists: FinishedLists) -> Lists:
    found: Lists = {}
    for batch in lists.batches():
        for user, text in zip(batch.users.to_pylist(), batch.lists.to_pylist(), strict=True):
            assert user not in found
            found[user] = [
                (item, None if score is None else np.float32(score), sources)
                for item, score, sources in json.loads(text)
            ]
    return found


TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=6)
SCORES = st.one_of(st.none(), st.floats(width=32, allow_nan=False, allow_infinity=False).map(np.float32))
ENTRIES = st.lists(st.tuples(TEXTS, SCORES, TEXTS), min_size=1, max_size=7)


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(TEXTS, ENTRIES, max_size=9), st.integers(1, 12))
def test_every_list_comes_whole_however_it_is_cut(tmp_path: Path, lists: Lists, rows: int) -> None:
    folder = write_folder(tmp_path / "lists", lists, "run")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lists_module, "BATCH_ROWS", rows)
        assert read(FinishedLists.at(folder)) == lists


def test_odd_texts_and_dictionaries_are_read(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, ODD, "run")
    assert read(FinishedLists.at(folder)) == ODD
    part = folder / "part-00000.parquet"
    table = pq.read_table(part)
    for column in ("user", "item", "sources"):
        at = table.column_names.index(column)
        table = table.set_column(at, column, table[column].dictionary_encode())
    pq.write_table(table, part)  # with Arrow's own schema, so dictionaries come back
    resealed(folder)
    assert pa.types.is_dictionary(pq.read_schema(part).field("item").type)
    assert read(FinishedLists.at(folder)) == ODD


def resealed(folder: Path) -> None:
    """The manifest brought up to date with the parts."""
    path = folder / "manifest.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["sha256"] = sha256(folder / line["name"])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("_SUCCESS", None, "must be a folder of finished lists"),
        ("_SUCCESS", b"{", "must be a folder of finished lists"),
        ("_SUCCESS", b"[]", "must name a run_id"),
        ("_SUCCESS", b'{"run_id": ""}', "must name a run_id"),
        ("_SUCCESS", b'{"run_id": "r", "rows": 7}', "as many rows and parts"),
        ("_SUCCESS", b'{"run_id": "r", "parts": 1}', "as many rows and parts"),
        ("manifest.jsonl", None, "must list the parts"),
        ("manifest.jsonl", b"{", "must list the parts"),
        ("manifest.jsonl", b'{"name": "part-00000.parquet"}', "name, sha256 and rows"),
        ("manifest.jsonl", b'{"name": "../part-00000.parquet", "sha256": "", "rows": 1}', "name, sha256"),
        ("part-00001.parquet", None, "Got no file"),
        ("part-00001.parquet", b"PAR1", "Got another file"),
    ],
)
def test_what_is_not_whole_is_refused(tmp_path, name, content, said):
    folder = write_folder(tmp_path, uniform("a"), "run")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(ArtefactError, match=said) as refused:
        FinishedLists.at(folder)
    assert refused.value.exit_code == 3
    assert "\n" not in str(refused.value)


def test_every_flipped_bit_and_every_cut_is_seen(tmp_path):
    folder = write_folder(tmp_path, uniform("a", 20), "run")
    part = folder / "part-00000.parquet"
    content = part.read_bytes()
    for at in range(0, len(content), 97):
        for damaged in (content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :], content[:at]):
            part.write_bytes(damaged)
            with pytest.raises(ArtefactError, match=r"part-00000\.parquet must be what"):
                FinishedLists.at(folder)


def test_lists_go_with_their_certificate(tmp_path):
    folder = write_folder(tmp_path, uniform("a", 20), "run")
    facts = json.loads((folder / "_SUCCESS").read_text())
    certificate = folder / "certificate.json"
    certificate.write_text('{"violations": {}}')
    (folder / "_SUCCESS").write_text(json.dumps({**facts, "certificate": sha256(certificate)}))
    whole = FinishedLists.at(folder)
    certificate.write_text('{"violations": []}')
    with pytest.raises(ArtefactError, match=r"certificate\.json must be what _SUCCESS says"):
        FinishedLists.at(folder)
    certificate.unlink()
    with pytest.raises(ArtefactError, match=r"certificate\.json must be what _SUCCESS says"):
        FinishedLists.at(folder)
    assert list(whole.parts) == ["part-00000.parquet", "part-00001.parquet"]


@pytest.mark.parametrize("column", ["rank", "item"])
def test_other_columns_and_ranks_are_refused(tmp_path, column):
    folder = write_folder(tmp_path, uniform("a"), "run")
    part = folder / "part-00000.parquet"
    table = pq.read_table(part)
    if column == "rank":
        table = table.set_column(1, "rank", pa.array(np.arange(len(table), dtype=np.int32)))
    else:
        table = table.drop_columns([column])
    pq.write_table(table, part)
    resealed(folder)
    with pytest.raises(ArtefactError, match=r"Ranks in|must have columns .* none named item"):
        read(FinishedLists.at(folder))


def test_an_edition_is_the_run_and_what_is_in_the_lists(tmp_path):
    one, same, other, another = (
        FinishedLists.at(write_folder(tmp_path / str(at), uniform(mark), run)).edition
        for at, (mark, run) in enumerate([("a", "run"), ("a", "run"), ("b", "run"), ("a", "second")])
    )
    assert one == same
    assert len({one, other, another}) == 3
    assert one.startswith("run.")


def test_the_last_of_the_order_is_served():
    assert served([]) is None
    assert served([Edition("a", True, None)]) is None
    assert served([Edition("b", True, 4), Edition("a", True, 9), Edition("c", False, None)]) == "a"
