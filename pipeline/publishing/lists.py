"""The folder of lists as it is published: verified first, then read as one JSON text a user."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataset.errors import ArtefactError, DataContractError
from pipeline.artefacts import sha256
from pipeline.lists_folder import CERTIFICATE, PARTS, SUCCESS

BATCH_ROWS: Final = 65_536
COLUMNS: Final = ("user", "rank", "item", "score", "sources")
_PART: Final = re.compile(r"part-\d{5,}\.parquet")
_ODD: Final = r'["\\\x00-\x1f]'  # what JSON does not take as it is
_IS_ODD: Final = np.isin(np.arange(256), [*range(32), ord('"'), ord("\\")])


@dataclass(frozen=True)
class ListBatch:
    """Whole lists of some users.

    Parameters
    ----------
    users : pyarrow.StringArray
        External ids.
    lists : pyarrow.StringArray
        For each user a JSON text `[[item, score, sources], ...]`, best item first; the score has the digits
        that tell one float32 from the next, and is null where no ranker gave one.
    """

    users: pa.Array
    lists: pa.Array

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True)
class FinishedLists:
    """A folder that `recommend` has finished, every part of which is what its manifest says.

    Parameters
    ----------
    path : Path
    run_id : str
        The run that made the lists. Lists of another day may have the same one.
    parts : mapping of str to str
        Checksum by file name, in order.
    rows : int
    digest : str
        sha256 over the checksums of the parts, in hex: equal for equal lists.
    """

    path: Path
    run_id: str
    parts: Mapping[str, str]
    rows: int
    digest: str

    @classmethod
    def at(cls, path: Path) -> "FinishedLists":
        """The folder, once everything in it has been checked.

        Raises
        ------
        ArtefactError
            If the lists are not finished, or a part or the certificate is not what was written.
        """
        facts, lines = _success(path), _manifest(path)
        for line in lines:
            part = path / line["name"]
            if _digest(part) != line["sha256"]:
                raise _changed(part)
        if "certificate" in facts and facts["certificate"] != _digest(path / CERTIFICATE):
            raise ArtefactError(
                f"{path / CERTIFICATE} must be what {SUCCESS} says. Got something else; make the lists again."
            )
        rows = sum(line["rows"] for line in lines)
        if facts.get("rows", rows) != rows or facts.get("parts", len(lines)) != len(lines):
            raise ArtefactError(
                f"{path} must hold as many rows and parts as {SUCCESS} says. "
                f"Got {rows:,} rows in {len(lines)} parts; make the lists again."
            )
        known = json.dumps([[line["name"], line["sha256"]] for line in lines])
        parts = {line["name"]: line["sha256"] for line in lines}
        return cls(path, facts["run_id"], parts, rows, hashlib.sha256(known.encode()).hexdigest())

    @property
    def edition(self) -> str:
        """The name under which these very lists are published: the run and the digest's beginning."""
        return f"{self.run_id}.{self.digest[:12]}"

    @property
    def n_batches(self) -> int:
        """About how many batches there are."""
        return -(-self.rows // BATCH_ROWS)

    def batches(self) -> Iterator[ListBatch]:
        """All lists in order, a bounded number at a time.

        Raises
        ------
        ArtefactError
            If a part has changed since it was checked, has other columns, or ranks that do not count from 1.
        DataContractError
            If an id holds a NUL, which no database takes.
        """
        for name, checksum in self.parts.items():
            content = (self.path / name).read_bytes()  # the lists may be made again in the meantime
            if hashlib.sha256(content).hexdigest() != checksum:
                raise _changed(self.path / name)
            left: pa.Table | None = None
            with pq.ParquetFile(pa.BufferReader(content)) as file:
                _check_columns(self.path / name, file.schema_arrow)
                for batch in file.iter_batches(BATCH_ROWS, columns=list(COLUMNS)):
                    table = pa.Table.from_batches([batch])
                    table = table if left is None else pa.concat_tables([left, table])
                    start = int(_starts(table)[-1])  # the last list may go on in the next batch
                    if start:
                        yield _encoded(table.slice(0, start), name)
                    left = table.slice(start)
            if left is not None:
                yield _encoded(left, name)


def _digest(path: Path) -> str | None:
    return sha256(path) if path.is_file() else None


def _changed(part: Path) -> ArtefactError:
    return ArtefactError(
        f"{part} must be what {PARTS} says. Got {'another' if part.is_file() else 'no'} file; "
        "make the lists again."
    )


def _success(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads((path / SUCCESS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtefactError(
            f"{path} must be a folder of finished lists, with a {SUCCESS}. Got: {error}; "
            "let glowrank recommend finish it."
        ) from error
    if not isinstance(facts, dict) or not isinstance(facts.get("run_id"), str) or not facts["run_id"]:
        raise ArtefactError(f"{path / SUCCESS} must name a run_id. Got none; make the lists again.")
    return facts


def _manifest(path: Path) -> list[dict[str, Any]]:
    try:
        lines = [json.loads(line) for line in (path / PARTS).read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise ArtefactError(f"{path / PARTS} must list the parts. Got: {error}.") from error
    for line in lines:
        known = isinstance(line, dict) and {"name", "sha256", "rows"} <= set(line)
        if not known or not _PART.fullmatch(str(line["name"])) or not isinstance(line["rows"], int):
            raise ArtefactError(f"{path / PARTS} must give name, sha256 and rows of each part. Got {line!r}.")
    if len({line["name"] for line in lines}) < len(lines):
        raise ArtefactError(f"{path / PARTS} must list each part once. Got one of them twice.")
    return lines


def _check_columns(path: Path, schema: pa.Schema) -> None:
    missing = [name for name in COLUMNS if name not in schema.names]
    if missing:
        raise ArtefactError(f"{path} must have columns {', '.join(COLUMNS)}. Got none named {missing[0]}.")


def _starts(table: pa.Table) -> npt.NDArray[np.int64]:
    """The rows with which a list begins, ascending."""
    codes = _array(table, "user").dictionary_encode().indices.to_numpy()
    return np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))


def _encoded(table: pa.Table, name: str) -> ListBatch:
    """Rows as lists; each row is put into text by Arrow, and so are the lists."""
    starts = _starts(table)
    ends = np.append(starts[1:], len(table))
    rank = table["rank"].to_numpy()
    if (rank != np.arange(len(table)) - np.repeat(starts, ends - starts) + 1).any():
        raise ArtefactError(f"Ranks in {name} must count from 1, user by user. Got others; make it again.")
    users = _array(table, "user").take(pa.array(starts))
    items, sources = _array(table, "item"), _array(table, "sources")
    for texts in (users, items):
        if texts.null_count or not _bytes(texts).all():
            raise DataContractError(f"Ids of users and items must hold no NUL. Got one that does in {name}.")
    score = table["score"].combine_chunks().cast(pa.float32())
    digits = pc.if_else(pc.is_finite(score), score.cast(pa.string()), None)
    cells = [_json(items), ",", pc.coalesce(digits, "null"), ",", pc.coalesce(_json(sources), "null")]
    rows = pc.binary_join_element_wise("[", *cells, "]", "")
    offsets = pa.array(np.append(starts, len(table)).astype(np.int32))
    lists = pc.binary_join(pa.ListArray.from_arrays(offsets, rows), ",")
    return ListBatch(users, pc.binary_join_element_wise("[", lists, "]", ""))


def _array(table: pa.Table, column: str) -> pa.Array:
    return pa.concat_arrays(table[column].cast(pa.string()).chunks)


def _json(texts: pa.Array) -> pa.Array:
    """Texts as JSON strings; only those with something to escape go through Python."""
    quoted = pc.binary_join_element_wise('"', texts, '"', "")
    if not _IS_ODD[_bytes(texts)].any():
        return quoted
    odd = pc.fill_null(pc.match_substring_regex(texts, _ODD), False)
    escaped = [json.dumps(text, ensure_ascii=False) for text in texts.filter(odd).to_pylist()]
    return pc.replace_with_mask(quoted, odd, pa.array(escaped, pa.string()))


def _bytes(texts: pa.Array) -> npt.NDArray[np.uint8]:
    """The bytes of all texts, in UTF-8."""
    _, offsets, content = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return np.frombuffer(content or b"", np.uint8)[ends[0] : ends[-1]]
