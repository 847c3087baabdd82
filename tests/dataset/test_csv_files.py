"""CSV: every cell as it stands, whatever it holds; what is broken is refused in one sentence."""

import csv
import gzip
import io
import random
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.errors import ConfigurationError, DataContractError, GlowrankError, ResourceError
from dataset.reading.byte_blocks import encoding_named
from dataset.reading.csv_files import CsvFiles
from dataset.reading.reader import Piece

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
AWKWARD = [
    "00123",
    str(2**60),
    "1e5",
    "NA",
    "null",
    "NaN",
    "-0",
    " x ",
    "\ufeff",
    "\0",
    'a"b',
    "a,b",
    "a\r\nb",
    "é",
]


def reader(path: Path, columns: tuple[str, ...] = ("a", "b"), **options) -> CsvFiles:
    return CsvFiles(files=((path.name, path),), columns=columns, **options)


def rows(source: CsvFiles, piece: Piece | None = None) -> list[list[str]]:
    chunks = [
        chunk for one in (source.pieces() if piece is None else [piece]) for chunk in source.chunks(one)
    ]
    return pd.concat(chunks).to_numpy().tolist()


def written(content: list[list[str]], **dialect) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, **dialect).writerows(content)
    return text.getvalue()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("csv") / "x.csv"


@settings(max_examples=30)
@given(
    content=st.lists(st.tuples(TEXTS, TEXTS), max_size=8),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    zipped=st.booleans(),
    mark=st.booleans(),
    rows_a_chunk=st.sampled_from([2, 5, 100]),
)
def test_any_text_comes_back(file, content, end, zipped, mark, rows_a_chunk):
    content = [list(row) for row in content] + [[text, text] for text in AWKWARD]
    raw = written([["a", "b"], *content], lineterminator=end).encode("utf-8-sig" if mark else "utf-8")
    path = file.with_suffix(".csv.gz") if zipped else file
    path.write_bytes(gzip.compress(raw) if zipped else raw)
    source = reader(path, chunk_rows=rows_a_chunk)
    assert rows(source) == content
    assert all(len(chunk) <= rows_a_chunk for piece in source.pieces() for chunk in source.chunks(piece))


@settings(max_examples=40)
@given(
    content=st.lists(st.tuples(st.integers(), TEXTS), min_size=1, max_size=9),
    cuts=st.lists(st.integers(0, 9), max_size=3),
    ended=st.booleans(),
)
def test_what_is_appended_is_a_further_piece(file, content, cuts, ended):
    texts = [[str(number), text] for number, text in content]
    known: list[Piece] = []
    source = reader(file)
    for until in [*sorted(min(cut, len(texts)) for cut in cuts), len(texts)]:
        whole = written([["a", "b"], *texts[:until]], lineterminator="\n")
        file.write_bytes((whole if ended else whole.removesuffix("\n")).encode())
        before, known = known, list(source.pieces(known))
        assert known[: len(before)] == before
        assert len(known) - len(before) <= 1
        assert list(source.pieces(known)) == known
    assert [row for piece in known for row in rows(source, piece)] == texts


def test_an_appended_file_reads_only_what_is_new(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    source = reader(path)
    first = list(source.pieces())
    path.write_text("a,b\n1,2\n3,4\n")
    second = list(source.pieces(first))
    assert second[0] == first[0]
    assert rows(source, second[1]) == [["3", "4"]]
    path.write_text("a,b\n1,9\n3,4\n")
    changed = list(source.pieces(second))
    assert [piece.state["start"] for piece in changed] == [0]
    assert rows(source) == [["1", "9"], ["3", "4"]]
    path.write_text("b,a\n1,2\n3,4\n")  # another header says other things of the same bytes
    assert rows(source, source.pieces(second)[-1]) == [["2", "1"], ["4", "3"]]
    path.write_text("a,b\n1,2\n3,45\n")  # the last line written on
    path.write_text("a,b\n1,2\n3,4")
    known = list(source.pieces(first))
    path.write_text("a,b\n1,2\n3,45\n")
    assert rows(source, source.pieces(known)[-1]) == [["3", "45"]]


def test_equal_content_has_equal_digests_and_no_other(tmp_path):
    digests = set()
    for at, text in enumerate(["a,b\n1,2\n", "a,b\n1,2\n", "b,a\n1,2\n", "a,b\n1,3\n", "a,b\n1,2"]):
        (tmp_path / f"{at}.csv").write_text(text)
        digests.add(reader(tmp_path / f"{at}.csv").pieces()[0].digest)
    assert len(digests) == 4


def test_a_gzipped_file_that_grew_is_one_piece(tmp_path):
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    first = reader(path).pieces()
    path.write_bytes(gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n"))
    second = reader(path).pieces(first)
    assert len(second) == 1
    assert second[0] != first[0]
    assert rows(reader(path), second[0]) == [["1", "2"], ["3", "4"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n1,2,3\n", r"as long as its header, 2 cells\. Row 2 .* has 3"),
        ("a,b\n1\n", "has 1"),
        ("a,b\n" + "1,2\n" * 10 + "1,2,3\n", "Row 11 .* has 3"),
        ('a,b\n1,"2\n3,4\n', "close every quote|as long as"),
        ('a,b\n1,2\n3,"4', "close every quote"),
        ("a,c\n1,2\n", "must have the column b. It has a, c"),
        ("a,b,b\n1,2,3\n", "names it twice"),
        ("\n\n", "holds no row"),
        ("", "is empty"),
    ],
)
def test_broken_files_are_refused(tmp_path, text, message):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(DataContractError, match=message):
        rows(reader(tmp_path / "x.csv"))


def test_a_long_row_a_long_header_and_other_encodings_are_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n1," + b"x" * (33 << 20) + b"\n")
    with pytest.raises(DataContractError, match="at most 16 MiB"):
        rows(reader(path))
    path.write_bytes(b"a" * (5 << 20))
    with pytest.raises(DataContractError, match="no end"):
        rows(reader(path))
    path.write_bytes("a,b\né,2\n".encode("cp1252"))
    with pytest.raises(DataContractError, match="set `encoding`"):
        rows(reader(path))
    assert rows(reader(path, encoding="cp1252")) == [["é", "2"]]
    with pytest.raises(ConfigurationError, match="utf-8 or cp1252"):
        encoding_named("klingon", "x")


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "utf-8-sig", "shift_jis"])
def test_encodings_and_separators(tmp_path, encoding):
    path = tmp_path / "x.csv"
    path.write_bytes('a;b\r\n"1;x";2\r\n'.encode(encoding))
    source = reader(path, encoding=encoding_named(encoding, "x"), separator=";")
    assert rows(source) == [["1;x", "2"]]
    first = source.pieces()
    path.write_bytes('a;b\r\n"1;x";2\r\n3;4\r\n'.encode(encoding))
    second = source.pieces(first)
    assert (len(second) == 2) == (encoding in ("cp1252", "utf-8-sig"))
    assert [row for piece in second for row in rows(source, piece)] == [["1;x", "2"], ["3", "4"]]


def test_files_without_a_header_or_rows(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("1,2\n3,4\n")
    assert rows(reader(path, ("b",), names=("a", "b"))) == [["2"], ["4"]]
    path.write_text("a,b\n")
    chunk = next(reader(path).chunks(reader(path).pieces()[0]))
    assert chunk.columns.tolist() == ["a", "b"]
    assert not len(chunk)


def test_rows_over_many_blocks(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + "".join(f'{at},"' + "x" * 400 + '""\n,"\n' for at in range(50_000)))
    source = reader(path)
    chunks = list(source.chunks(source.pieces()[0]))
    assert len(chunks) > 1
    assert pd.concat(chunks)["a"].tolist() == list(map(str, range(50_000)))


def test_a_file_that_changes_meanwhile_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    source = reader(path)
    piece = source.pieces()[0]
    path.write_text("a,b\n1,3\n")
    with pytest.raises(DataContractError, match="must not change while it is read"):
        list(source.chunks(piece))


def test_damaged_and_swollen_gzip(tmp_path):
    path = tmp_path / "x.csv.gz"
    whole = gzip.compress(b"a,b\n" + b"1,2\n" * 100_000)
    for content in (whole[: len(whole) // 2], b"no gzip", whole[:-8] + b"12345678", whole[:200] + b"x" * 50):
        path.write_bytes(content)
        with pytest.raises(DataContractError):
            rows(reader(path))
    path.write_bytes(whole)
    with pytest.raises(ResourceError, match="unpack to at most"):
        rows(reader(path, max_gib=1e-4))


def test_random_bytes_end_in_a_sentence(tmp_path):
    rng = random.Random(0)
    for at in range(60):
        path = tmp_path / ("x.csv.gz" if at % 3 == 0 else "x.csv")
        path.write_bytes((b"a,b\n" if at % 2 else b"") + rng.randbytes(rng.randrange(20, 400)))
        with pytest.raises(GlowrankError, match=r"\.$"):
            rows(reader(path))
