"""Every item exactly once, whatever the server is like, or the audit says what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stac_manager import ApiStats, DataProcessingError, IngestModule, WorkflowContext
from stac_manager.api import page_sizes

from .adversary import BASE, Adversary, answering, nanoseconds_of, text_of

SECOND = 10**9
SPAN = 300
any_world = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def fetch(loop: asyncio.Runner, server: Adversary, **options: Any) -> tuple[list[dict[str, Any]], ApiStats]:
    async def run(module: IngestModule) -> list[dict[str, Any]]:
        items = [item async for item in module.fetch(WorkflowContext.create())]
        assert len(asyncio.all_tasks()) == 1, "requests are left running"
        return items

    page_sizes.forget()
    with answering(server) as url:
        module = IngestModule({"source": url, **options})
        items = loop.run(run(module))
    assert isinstance(module.stats, ApiStats)
    return items, module.stats


# --- What the items are like -------------------------------------------------------------------------------------

seconds = st.integers(0, SPAN) | st.sampled_from([0, 1, 60, 100, 150, SPAN])
fractions = st.sampled_from([0, 1, 499, 500, 400_000, 500_000, 999_999, 10**6, SECOND // 2, SECOND - 1, SECOND - 400])
instants = st.builds(lambda s, f: (BASE + s) * SECOND + f, seconds, fractions)


@st.composite
def times(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["instant"] * 5 + ["interval", "interval", "null", "odd"]))
    if kind == "instant":
        return {"datetime": text_of(draw(instants))}
    if kind == "odd":  # published items have a space now and then, and more than servers can read
        return {"datetime": text_of(draw(instants)), "start_datetime": None}
    start = draw(instants)
    end = start + draw(st.sampled_from([0, 1, SECOND, 5 * SECOND, 100 * SECOND]))
    datetime = None if kind == "null" else text_of(draw(st.sampled_from([start, end])))
    return {"datetime": datetime, "start_datetime": text_of(start), "end_datetime": text_of(end)}


@st.composite
def catalogs(draw: st.DrawFn) -> list[dict[str, Any]]:
    kinds = draw(st.lists(times(), min_size=0, max_size=25))
    burst = draw(st.integers(0, 12))
    if burst:
        moment = draw(instants)
        kinds += [{"datetime": text_of(moment + draw(st.sampled_from([0, 0, 1000])))} for _ in range(burst)]
    even = draw(st.sampled_from([0, 0, 40]))
    kinds += [{"datetime": text_of((BASE + n * SPAN // 40) * SECOND)} for n in range(even)]
    names = draw(st.sampled_from([["a"], ["a", "b"]]))
    return [
        {
            "type": "Feature",
            "id": f"i{n // len(names)}",
            "collection": names[n % len(names)],
            "properties": properties,
            "geometry": None,
            "links": [],
            "assets": {},
        }
        for n, properties in enumerate(kinds)
    ]


@st.composite
def intervals(draw: st.DrawFn) -> str | None:
    kind = draw(st.sampled_from(["none", "none", "open low", "open high", "closed", "closed"]))
    if kind == "none":
        return None
    low, high = sorted([draw(instants), draw(instants)])
    low_text, high_text = text_of(low), text_of(high)
    if draw(st.booleans()):
        high_text = f"{high_text[:19]}Z"
        if nanoseconds_of(high_text) < low:
            low_text = high_text
    return {"open low": f"../{high_text}", "open high": f"{low_text}/.."}.get(kind, f"{low_text}/{high_text}")


RULES = [
    ("pgstac", "us"), ("stac-server", "ms"), ("elastic", "ns"), ("rustac", "ns"), ("cmr", "ms"), ("pgstac", "ns"),
]  # fmt: skip


@st.composite
def servers(draw: st.DrawFn) -> Adversary:
    rule, precision = draw(st.sampled_from(RULES))
    post = draw(st.booleans())
    return Adversary(
        draw(catalogs()),
        rule=rule,
        precision=precision,
        order=draw(st.sampled_from(["datetime", "start_datetime", "none"])),
        counts=draw(st.sampled_from(["numberMatched", "context", None])),
        page_cap=draw(st.sampled_from([10_000, 10_000, 3])),
        page_floor=draw(st.sampled_from([0, 0, 0, 5])),
        uncounted=draw(st.sampled_from([0, 0, 0, 2, 3, 7])),
        post=post,
        merge=draw(st.booleans()),
        post_links=draw(st.booleans()),
        filters=draw(st.booleans()),
        extent=draw(st.booleans()),
        largest=draw(st.sampled_from([10_000, 10_000, 2])),
        requests_a_turn=draw(st.sampled_from([0, 0, 0, 2])),
    )


options = st.fixed_dictionaries(
    {
        "limit": st.sampled_from([1, 2, 4, 9, 20, 100]),
        "concurrency": st.sampled_from([1, 2, 3, 8, "auto"]),
        "datetime": intervals(),
    }
)


FAULTS = ["reset", "truncated", "429", "503", "500", "504", "408"]


def keys(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(item["collection"], item["id"]) for item in items]


def run(
    loop: asyncio.Runner, server: Adversary, given_options: dict[str, Any]
) -> tuple[list[Any], list[Any], ApiStats]:
    chosen = {name: value for name, value in given_options.items() if value is not None}
    items, stats = fetch(loop, server, **chosen)
    came = keys(items)
    assert len(set(came)) == len(came), "an item came twice"
    wanted = keys(server.found({"datetime": chosen.get("datetime")}))
    assert set(came) <= set(wanted), "an item came that the search does not mean"
    level = chosen["concurrency"]
    assert server.peak <= (level if isinstance(level, int) else 64)
    assert stats.completeness.items == len(came) == stats.items
    return came, wanted, stats


@any_world
@given(server=servers(), given_options=options)
def test_the_set_is_what_the_search_means(
    loop: asyncio.Runner, server: Adversary, given_options: dict[str, Any]
) -> None:
    came, wanted, stats = run(loop, server, given_options)
    assert set(came) == set(wanted), stats
    if not server.uncounted or not server.counts:
        assert stats.completeness.status == ("complete" if server.counts else "unverified"), stats.completeness
    assert stats.completeness.status != "incomplete"


@any_world
@given(server=servers(), given_options=options, miscounts=st.sampled_from([-30, -3, -1, 1, 3, 30]))
def test_wrong_counts_lose_nothing_and_prove_nothing(
    loop: asyncio.Runner, server: Adversary, given_options: dict[str, Any], miscounts: int
) -> None:
    server.counts, server.miscounts, server.uncounted = server.counts or "numberMatched", miscounts, 0
    came, wanted, stats = run(loop, server, given_options)
    assert set(came) == set(wanted), stats
    assert server.asked < 1_500, "wrong counts are no reason to ask for ever"
    if miscounts > 0:
        assert stats.completeness.status != "complete", stats
        assert stats.completeness.problems
    elif wanted:
        assert stats.completeness.status == "unverified", stats
        assert "more came than the server had counted" in stats.completeness.problems[-1]


@any_world
@given(
    server=servers(),
    given_options=options,
    faults=st.dictionaries(st.integers(0, 60), st.sampled_from(FAULTS), max_size=15),
)
def test_faults_on_any_request_change_nothing(
    loop: asyncio.Runner, server: Adversary, given_options: dict[str, Any], faults: dict[int, str]
) -> None:
    server.faults = faults
    came, wanted, stats = run(loop, server, given_options)
    assert set(came) == set(wanted), stats


@any_world
@given(
    server=servers(),
    given_options=options,
    lies=st.frozensets(st.integers(0, 12), max_size=5),
    repeats=st.frozensets(st.integers(0, 12), max_size=3),
    never_next=st.booleans(),
    ignores=st.sampled_from([False, False, False, True]),
)
def test_a_server_that_loses_items_is_found_out(
    loop: asyncio.Runner, server: Adversary, given_options: dict[str, Any],
    lies: frozenset[int], repeats: frozenset[int], never_next: bool, ignores: bool,
) -> None:  # fmt: skip
    server.lies, server.repeats, server.never_next, server.ignores_datetime = lies, repeats, never_next, ignores
    try:
        came, wanted, stats = run(loop, server, given_options)
    except DataProcessingError:
        assert repeats, "only a sequential search with a next link in a circle ends like this"
        return
    if ignores:  # what was not meant is left out
        server.ignores_datetime = False
        wanted = [*came, *keys(server.found({"datetime": given_options.get("datetime")}))]
    if set(came) == set(wanted):
        assert ignores or stats.completeness.status != "incomplete" or not server.counts, stats.completeness
        return
    capped = server.page_cap < given_options["limit"] or server.largest < given_options["limit"]
    if (server.counts is None or server.uncounted) and capped:
        return  # a short page without a next link, from a server without counts: no client can know
    assert stats.completeness.status == "incomplete" or stats.completeness.problems, stats


@any_world
@given(server=servers(), given_options=options, max_items=st.integers(1, 30) | st.none())
def test_ordered_is_the_servers_own_order(
    loop: asyncio.Runner, server: Adversary, given_options: dict[str, Any], max_items: int | None
) -> None:
    chosen = {name: value for name, value in given_options.items() if value is not None}
    if max_items:
        chosen["max_items"] = max_items
    items, stats = fetch(loop, server, **chosen, ordered=True)
    wanted = server.found({"datetime": chosen.get("datetime")})
    if any("order" in note for note in stats.notes):  # it says that it could not
        assert len(set(keys(items))) == len(items) == min(len(wanted), max_items or len(wanted))
        nulls = any(item["properties"].get("datetime") is None for item in wanted)
        assert nulls or server.order == "none" or keys(items) == keys(wanted)[:max_items]
        return
    assert keys(items) == keys(wanted)[:max_items], stats


@any_world
@given(server=servers(), given_options=options, max_items=st.integers(1, 30))
def test_max_items_is_exact(
    loop: asyncio.Runner, server: Adversary, given_options: dict[str, Any], max_items: int
) -> None:
    chosen = {name: value for name, value in given_options.items() if value is not None}
    items, _ = fetch(loop, server, **chosen, max_items=max_items)
    wanted = keys(server.found({"datetime": chosen.get("datetime")}))
    assert len(set(keys(items))) == len(items) == min(max_items, len(wanted))
    assert set(keys(items)) <= set(wanted)


def catalog_of(times: list[dict[str, Any]]) -> list[dict[str, Any]]:
    common = {"type": "Feature", "collection": "a", "geometry": None, "links": [], "assets": {}}
    return [{**common, "id": f"i{n}", "properties": properties} for n, properties in enumerate(times)]


DAY = 86_400
YEARLY = {"start_datetime": text_of(BASE * SECOND), "end_datetime": text_of((BASE + 365 * DAY) * SECOND)}
COMPOSITES = [{"datetime": text_of((BASE + 100) * SECOND), **YEARLY}] * 500
SCENES = [{"datetime": text_of((BASE + n * DAY // 2) * SECOND)} for n in range(500)]


@pytest.mark.parametrize(
    ("times", "server"),
    [
        (COMPOSITES * 2, {"rule": "pgstac", "precision": "us"}),
        (COMPOSITES * 2, {"rule": "rustac", "counts": None, "filters": True}),
        ([{"datetime": None, **YEARLY}] * 1_000, {"rule": "pgstac", "precision": "us"}),
        (COMPOSITES + SCENES, {"rule": "pgstac", "precision": "us"}),
        (COMPOSITES + SCENES, {"rule": "rustac", "counts": None, "filters": True}),
        (SCENES * 2, {"miscounts": 1}),
        (SCENES * 2, {"miscounts": 30}),
        (SCENES * 2, {"miscounts": 1_000}),
    ],
)
@pytest.mark.parametrize("ordered", [False, True])
def test_slices_that_do_not_divide_the_items_do_not_multiply_the_requests(
    loop: asyncio.Runner, times: list[dict[str, Any]], server: dict[str, Any], ordered: bool
) -> None:
    """Composites of a year are in every slice of it: cut on, twenty pages became thousands of requests."""
    adversary = Adversary(catalog_of(times), **server)
    items, _ = fetch(loop, adversary, limit=50, concurrency=10, ordered=ordered)
    assert len(set(keys(items))) == len(items) == 1_000
    assert adversary.asked <= (20 * 20 if "miscounts" not in server else 5 * 20)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_the_size_of_page_that_works_is_remembered_for_the_host(loop: asyncio.Runner, concurrency: int) -> None:
    adversary = Adversary(catalog_of(SCENES), largest=10)
    with answering(adversary) as url:
        for _ in range(2):
            adversary.log.clear()
            module = IngestModule({"source": url, "limit": 50, "concurrency": concurrency})
            assert len(loop.run(listed(module))) == len(SCENES)
    asked = [int(body["limit"]) for _, path, body in adversary.log if path == "/search"]
    assert asked[0] <= 10
    assert sum(limit > 10 for limit in asked) <= 8, "larger ones are tried ever more rarely"


async def listed(module: IngestModule, context: WorkflowContext | None = None) -> list[Any]:
    return [item async for item in module.fetch(context or WorkflowContext.create())]


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_member_that_is_no_item_is_one_failure_however_many_slices_it_is_in(
    loop: asyncio.Runner, concurrency: int
) -> None:
    """Counted once for each slice, it made up for items that were missing."""
    long = [{"datetime": text_of(BASE * SECOND + n + 1), **YEARLY} for n in range(20)]
    without_id = [{**item, "id": n} for n, item in enumerate(catalog_of(long))]
    context = WorkflowContext.create()
    with answering(Adversary(without_id + catalog_of(SCENES))) as url:
        module = IngestModule({"source": url, "limit": 50, "concurrency": concurrency})
        assert len(loop.run(listed(module, context))) == len(SCENES)
    assert len(context.failure_collector) == 20
    assert isinstance(module.stats, ApiStats)
    proof = module.stats.completeness
    assert (proof.status, proof.problems) == ("incomplete", ["20 items could not be delivered; see failures"])


@pytest.mark.parametrize("interval", ["2023-11-14T22:13:20.5Z/2024-07-01T00:00:00Z", "../2024-07-01T00:00:00.5Z"])
def test_slices_share_whole_seconds_with_a_fraction_and_end_at_the_users_own_bounds(
    loop: asyncio.Runner, interval: str
) -> None:
    """Elasticsearch rounds a bound without a fraction up to the end of its second."""
    adversary = Adversary(catalog_of(SCENES))
    _, stats = fetch(loop, adversary, limit=20, concurrency=5, datetime=interval)
    sent = [audit.datetime.split("/") for audit in stats.completeness.slices if audit.datetime]
    lows, highs = {low for low, _ in sent}, {high for _, high in sent}
    assert len(sent) > 1
    assert [lows - highs, highs - lows] == [{bound} for bound in interval.split("/")]
    assert all(edge[19:] == ".000Z" for edge in lows & highs)


def audited(loop: asyncio.Runner, server: Adversary, **options: Any) -> tuple[int, ApiStats, list[str]]:
    context = WorkflowContext.create()
    with answering(server) as url:
        module = IngestModule({"source": url, "limit": 20, **options})
        came = len(loop.run(listed(module, context)))
    assert isinstance(module.stats, ApiStats)
    return came, module.stats, [str(failure) for failure in context.failure_collector.get_all()]


@pytest.mark.parametrize("fault", [{"lies": frozenset({6, 9})}, {"repeats": frozenset({6, 9})}, {"never_next": True}])
def test_slices_that_lack_items_are_read_again(loop: asyncio.Runner, fault: dict[str, Any]) -> None:
    came, stats, failures = audited(loop, Adversary(catalog_of(SCENES), **fault), concurrency=4)
    assert (came, stats.completeness.status, failures) == (len(SCENES), "complete", [])


def test_what_is_missing_is_told_with_its_slice_and_is_a_failure(loop: asyncio.Runner) -> None:
    server = Adversary(catalog_of(SCENES), never_next=True, ignores_datetime=True)  # so that it cannot be cut either
    came, stats, failures = audited(loop, server, datetime="2023-01-01T00:00:00Z/..")
    assert (came, stats.completeness.status) == (20, "incomplete")
    assert "datetime 2023-01-01T00:00:00Z/..: 480 of 500 items did not come" in stats.completeness.problems
    assert [f"the search: {problem}" for problem in stats.completeness.problems] == failures


def test_what_a_server_lacks_that_repeats_a_page_for_ever_is_told(loop: asyncio.Runner) -> None:
    server = Adversary(catalog_of(SCENES), repeats=frozenset(range(1_000)), ignores_datetime=True)
    came, stats, failures = audited(loop, server)
    assert (came, stats.completeness.status) == (20, "incomplete")
    assert "480 of 500 items did not come: the server repeats a page" in str(failures)
    assert server.asked < 15  # by POST, then by GET


def test_short_pages_without_a_link_and_a_count_are_doubted(loop: asyncio.Runner) -> None:
    came, stats, failures = audited(loop, Adversary(catalog_of(SCENES), counts=None, page_cap=7, never_next=True))
    assert (came, stats.completeness.status, failures) == (7, "unverified", [])
    assert "the server gives no next links: there may be more" in str(stats.completeness)


def test_a_search_for_ids_is_not_split_and_says_so(loop: asyncio.Runner) -> None:
    _, stats, _ = audited(loop, Adversary(catalog_of(SCENES)), concurrency=8, ids=["i1"])
    assert stats.peak_in_flight == 1
    assert stats.notes[0] == "Paging sequentially: a search for ids is not split."
