"""How a search ends: what it has proved, and what is missing where it broke off."""

from __future__ import annotations

from stac_manager.api.ledger import Ledger
from stac_manager.api.retrying import SearchEndsError
from stac_manager.completeness import Completeness, judge
from stac_manager.context import FailureCollector
from stac_manager.exceptions import DataProcessingError
from stac_manager.stats import ApiStats
from stac_manager.words import many


def broken_off(error: SearchEndsError, proof: Completeness, left: int) -> DataProcessingError:
    """Say what is missing where a search ends early, with so many partitions left."""
    came = f"{proof.items} items" if proof.counted is None else f"{proof.items} of {proof.counted} items"
    rest = f"{many(left, 'partition')} not read to the end"
    proof.status, proof.problems = "incomplete", [f"{error}: {rest}"]
    return DataProcessingError(f"{error}: {came} came, {rest}")


def conclude(ledger: Ledger, stats: ApiStats, note: str | None, failures: FailureCollector) -> None:
    """Judge a search of which every partition was read. What is missing goes to `failures` as well."""
    if note:
        stats.notes.append(note)
    if out := ledger.totals.left_out:
        stats.notes.append(f"The server returned {out} items that do not meet the search; they were left out.")
    if ledger.left == 0:
        return
    proof = stats.completeness
    verdict = judge("time", proof.counted, proof.partitions, came=ledger.came)
    proof.status, proof.problems = verdict.status, verdict.problems
    for words in verdict.missing:
        failures.add("the search", words)
