"""What was proved about a search: what came, compared with what the server counted."""

from __future__ import annotations

from stac_manager.api.cursor import Cursor
from stac_manager.api.paging import DOUBTS
from stac_manager.completeness import Completeness
from stac_manager.context import FailureCollector
from stac_manager.plan import PartitionReport


def problem_of(cursor: Cursor) -> str | None:
    """Why a slice that was read to its end may lack items; None where nothing speaks for it."""
    if cursor.counted is None:
        return cursor.problem
    missing = cursor.counted - cursor.received - cursor.invalid
    if missing <= 0:
        return None
    return f"{missing} of {cursor.counted} items did not come" + (f": {cursor.problem}" if cursor.problem else "")


def audit_of(cursor: Cursor) -> PartitionReport:
    return PartitionReport(
        key=cursor.piece.datetime or "",
        seen=cursor.received,
        counted=cursor.counted,
        pages=cursor.processed,
        problem=problem_of(cursor),
        datetime=cursor.piece.datetime,
    )


def conclude(proof: Completeness, invalid: int, failures: FailureCollector) -> None:
    """Judge a search of which every slice was read. What is missing goes to `failures` as well."""
    came = proof.items + invalid
    if came == proof.counted:  # whatever was odd about a slice: all that there is has come
        proof.status = "complete"
        return
    missing: list[str] = []
    unproved: list[str] = []
    for audit in proof.slices:
        if audit.problem:
            words = f"datetime {audit.datetime or 'any'}: {audit.problem}"
            (unproved if audit.counted is None and audit.problem in DOUBTS else missing).append(words)
    if proof.counted is not None and came < proof.counted:
        missing.append(f"{proof.counted - came} of the {proof.counted} items counted did not come")
    if proof.counted is not None and came > proof.counted:
        unproved.append(f"{came - proof.counted} items more came than the server had counted")
    counted = proof.counted is not None or all(audit.counted is not None for audit in proof.slices)
    proof.problems = missing + unproved
    for words in missing:
        failures.add("the search", words)
    if missing:
        proof.status = "incomplete"
    elif counted and not unproved:
        proof.status = "complete"
