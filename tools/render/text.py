"""Quantities as text, the same on every page."""

from tools.analysis.model import BASELINE_CONCURRENCY, DataSet, Environment, Level, Peer, Report, sample_counts
from tools.words import NOT_AVAILABLE, listed, megabytes, significant, times

COLUMNS = ("Strategy", "Concurrency", "Time (s)", "Throughput (items/s)", "Memory (MB)", "Speedup")


def cells(level: Level) -> tuple[str, str, str, str, str, str]:
    """One row of the table, in the order of `COLUMNS`."""
    is_baseline = level.concurrency == BASELINE_CONCURRENCY and level.status == "ok"
    return (
        level.strategy,
        str(level.concurrency),
        significant(level.median_seconds) if level.status == "ok" else level.status,
        significant(level.throughput),
        megabytes(level.peak_bytes),
        "baseline" if is_baseline else times(level.speedup),
    )


def peer_cells(peer: Peer) -> tuple[str, str, str, str, str, str]:
    """The row of a peer; how much it does at once is its own affair."""
    return (
        peer.name,
        NOT_AVAILABLE,
        significant(peer.median_seconds) if peer.status == "ok" else peer.status,
        significant(peer.throughput),
        megabytes(peer.peak_bytes),
        times(peer.speedup),
    )


def rows(data_set: DataSet) -> list[tuple[str, str, str, str, str, str]]:
    """The table without its headings: the levels, then the peers."""
    return [*(cells(level) for level in data_set.levels), *(peer_cells(peer) for peer in data_set.peers)]


def peers_note(data_set: DataSet) -> list[str]:
    """What the rows without a concurrency are."""
    if not data_set.peers:
        return []
    names = listed([peer.name for peer in data_set.peers])
    return [f"Other ways to the same items, their speedup against 1 worker: {names}."]


def memory_note(data_set: DataSet) -> str:
    """What the memory column includes, and what is left of it without the imports."""
    includes = (
        "Memory (MB) is the peak resident set size of the benchmark process in 10^6 bytes: the interpreter, "
        "the imported packages, the set-up and the run, without child processes."
    )
    if all(level.peak_bytes is None for level in data_set.levels):
        return f"{includes} It was not measured here."
    if all(level.net_bytes is None for level in data_set.levels):
        return f"{includes} Net of a process that only imports: n/a."
    net = ", ".join(f"{megabytes(level.net_bytes)} at {level.concurrency}" for level in data_set.levels)
    return f"{includes} Net of a process that only imports: {net}."


def environment_lines(report: Report) -> list[tuple[str, str]]:
    """The environment as names and values; what is not known is there too."""
    where = report.environment
    packages = [f"{name} {version}" for name, version in sorted((where.packages or {}).items())]
    return [
        ("Commit", _commit(where)),
        ("Machine", where.machine or NOT_AVAILABLE),
        ("OS", where.os or NOT_AVAILABLE),
        ("CPU", where.cpu or NOT_AVAILABLE),
        ("Cores", NOT_AVAILABLE if where.cores is None else str(where.cores)),
        ("RAM", where.ram or NOT_AVAILABLE),
        ("Python", where.python or NOT_AVAILABLE),
        ("Environment", where.env_name or NOT_AVAILABLE),
        ("Packages", ", ".join(packages) or NOT_AVAILABLE),
        ("Samples", "; ".join(f"{x.title}: {sample_counts(x.levels)}" for x in report.data_sets) or NOT_AVAILABLE),
        ("Created", report.created),
    ]


def _commit(where: Environment) -> str:
    commit = where.commit or where.commit_short or NOT_AVAILABLE
    return f"{commit}, with uncommitted changes" if where.dirty else commit
