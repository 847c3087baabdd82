"""Folders of finished lists, as small as a test wants them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Lists = dict[str, list[tuple[str, Any, Any]]]
SIGNS = (
    "00123",
    "1e3",
    "null",
    "true",
    "NaN",
    "\\N",
    "\\.",
    "\\",
    "\\n",
    "a\tb",
    "a\nb",
    "a\rb",
    "\r\n",
    "'",
    '"',
)
MORE = (
    '""',
    "'; DROP TABLE lists; --",
    "{}",
    "[1]",
    "%s",
    "${x}",
    "a:b",
    "*",
    "日本",
    "e\u0301",
    "💄",
    " ",
    "\x7f\x01",
)
ODD: Lists = {
    text: [
        (text, np.float32(0.1), "ease|popular"),
        (f"{text}{text}", np.float32(-1e-30), text),
        ("00123", None, "backfill"),
        ("", np.float32(16777217.0), ""),
    ]
    for text in (*SIGNS, *MORE)
}


def uniform(mark: str, n_users: int = 120, n_items: int = 5) -> Lists:
    """Lists whose every item bears the mark, so that a mixture shows."""
    entries = [(f"{mark} {rank}", np.float32(1 / (rank + 1)), "ease") for rank in range(n_items)]
    return {f"user {number}": entries for number in range(n_users)}


def write_folder(path: Path, lists: Lists, run_id: str, doubled: bool = False) -> Path:
    """What `recommend` leaves, in two parts; `doubled`: the second has all users of the first as well."""
    path.mkdir(parents=True, exist_ok=True)
    users = list(lists)
    parts = [users[: len(users) // 2], users if doubled else users[len(users) // 2 :]]
    lines = []
    for number, part in enumerate(parts):
        rows = [
            (user, rank, item, score, sources, run_id)
            for user in part
            for rank, (item, score, sources) in enumerate(lists[user], 1)
        ]
        columns = list(zip(*rows, strict=True)) or [()] * 6
        types = (pa.string(), pa.int32(), pa.string(), pa.float32(), pa.string(), pa.string())
        arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
        names = ["user", "rank", "item", "score", "sources", "run_id"]
        file = path / f"part-{number:05d}.parquet"
        pq.write_table(pa.table(arrays, names), file, compression="zstd", store_schema=False)
        checksum = hashlib.sha256(file.read_bytes()).hexdigest()
        lines.append({"name": file.name, "sha256": checksum, "rows": len(rows), "users": len(part)})
    (path / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    facts = {"run_id": run_id, "rows": sum(line["rows"] for line in lines), "parts": len(lines)}  # type: ignore[misc]
    (path / "_SUCCESS").write_text(json.dumps(facts))
    return path
