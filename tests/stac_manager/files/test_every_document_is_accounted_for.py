"""Whatever the documents are, every member is delivered or is a failure, in the same order at every concurrency."""

from __future__ import annotations

import asyncio
import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from support import are_apart, fetch, ids, make_item

from stac_manager import DataProcessingError, WorkflowContext

CONCURRENCY = (1, 3, 50, "auto")
BOM = b"\xef\xbb\xbf"
DEEP = b'{"type": "Feature", "deep": ' + 100_000 * b"[" + 100_000 * b"]" + b"}"

BAD = [
    b"", b" \n", b"{", b"[", b"7", b"null", b'"text"', b"true", b"{}", b"\xff\xfe", b"\x00", b'{"type": "Feature"}',
    b'{"type": "Feature", "id": "\xff", "stac_version": "1.1.0"}', b'{"type": "Feature", "id": 7}', DEEP, b"NaN",
    '{"type": "Feature"}'.encode("utf-16"), BOM,
]  # fmt: skip
"""Documents, and lines, of which each is one failure; blank lines are none."""

PARTS = st.lists(st.one_of(st.just("item"), st.sampled_from(["{}", "null", "7", '{"type": "Feature"}'])), max_size=6)
DOCUMENTS = st.lists(
    st.one_of(
        st.sampled_from(BAD),
        st.tuples(
            st.sampled_from(["array", "collection", "ndjson", "truncated", "item", "doubled"]),
            PARTS,
            st.booleans(),
            st.sampled_from(["\n", "\r\n"]),
        ),
    ),
    min_size=1,
    max_size=12,
)


def write(folder: Path, documents: list[object]) -> tuple[list[str], list[str]]:
    """Write the documents; return the ids of the items, and the name of the document for every failure to come."""
    delivered: list[str] = []
    failed: list[str] = []
    for index, document in enumerate(documents):
        name = f"{index:02}.json"
        if isinstance(document, bytes):
            (folder / name).write_bytes(document)
            failed.append(name)
            continue
        assert isinstance(document, tuple)
        kind, parts, bom, line_end = document
        if kind in ("item", "doubled"):
            parts = ["item"]
        names = [f"{index}-{number}" for number in range(len(parts))]
        members = [
            json.dumps(make_item(member_id), indent=1 if kind == "array" else None) if part == "item" else part
            for member_id, part in zip(names, parts, strict=True)
        ]
        if kind == "ndjson":
            name = f"{index:02}.ndjson"
            text = "\n".join(members)
        elif kind == "item":
            text = members[0]
        elif kind == "doubled":
            text = '{"id": "first", ' + members[0][1:]
        elif kind == "collection":
            text = '{"features": [' + ", ".join(members) + '], "type": "FeatureCollection"}'
        else:
            text = "[" + ",\n ".join(members) + ("]" if kind == "array" else ",")
        delivered += [member_id for member_id, part in zip(names, parts, strict=True) if part == "item"]
        failed += [name for part in parts if part != "item"] + ([name] if kind == "truncated" else [])
        content = (BOM if bom else b"") + text.replace("\n", line_end).encode()
        (folder / name).write_bytes(content)
    return delivered, failed


@given(documents=DOCUMENTS)
def test_delivered_and_failed_make_up_what_is_there(documents: list[object]) -> None:
    # A Catalog alone in a folder is read as one: that it leads nowhere is an error of the source.
    assume(not (len(documents) == 1 and isinstance(documents[0], bytes) and b'"Catalog"' in documents[0]))
    with tempfile.TemporaryDirectory() as folder:
        delivered, failed = write(Path(folder), documents)
        reasons = None
        for concurrency in CONCURRENCY:
            context = WorkflowContext.create()
            items: list[dict[str, Any]] = []
            with suppress(DataProcessingError):
                items = asyncio.run(fetch({"source": folder, "concurrency": concurrency}, context))
            found = ids(items)
            failures = context.failure_collector.get_all()
            assert found == delivered
            assert are_apart(items)
            assert [Path(failure.source).name for failure in failures] == failed
            assert reasons in (None, failures)
            reasons = failures
