"""One concurrency level in a process of its own, so that its memory is its own: what `tools/measuring` starts.

The first line on standard input is a JSON object: `options` of the IngestModule without `concurrency`, `concurrency`,
`items`, the number that must come out, or null, and `written`: whether items are written as NDJSON, by as many
processes as the level says ("2 processes"), in place of being read only. Each line after it asks for one run. Each is
answered with one JSON object: `{}` or `missing` to the first, what was observed or `error` to a run. When the input
ends, however the one who wrote it ended, or it is told to end, so does this process, with its children and its
temporary files.
"""

import contextlib
import functools
import gc
import json
import os
import queue
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

PARTITION_ITEMS = 1_000


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: who started this one decides
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a package prints is no answer
    asked = queue.SimpleQueue()
    scratch = tempfile.tempdir = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="level-")
    for name in ("SIGTERM", "SIGHUP"):  # a terminal that closes, and `timeout`, reach the whole group too
        number = getattr(signal, name, signal.SIGTERM)
        if signal.getsignal(number) is signal.SIG_DFL:  # not under nohup
            signal.signal(number, lambda number, _: _end(scratch, 128 + number))
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=functools.partial(signal.signal, number, signal.SIG_DFL))
    threading.Thread(target=_listen, args=(asked, scratch), daemon=True).start()
    run = None
    while True:
        line = asked.get()
        if run is None:
            run, answer = _prepared(json.loads(line))
        else:
            answer = run()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _listen(asked, scratch):
    for line in sys.stdin:
        asked.put(line)
    _end(scratch, 0)


def _end(scratch, code):
    if os.listdir(scratch):  # in the middle of a run
        import psutil

        children = psutil.Process().children(recursive=True)
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(children)
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(code)


def _prepared(request):
    """Return what makes one run, and the answer to the request."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from benchmarks import _compat, _memory

    if request.get("written"):
        return _prepared_to_write(request)
    options, items = {**request["options"], "concurrency": request["concurrency"]}, request["items"]
    try:
        _compat.load(options["mode"])
        _compat.ingest_module(**options)
    except NotImplementedError as error:
        return None, {"missing": str(error)}
    import_bytes = _memory.peak_bytes()
    return lambda: _run(options, items, import_bytes), {}


def _prepared_to_write(request):
    from benchmarks import _compat, _memory

    try:
        write = _compat.writer(request["options"], PARTITION_ITEMS)
    except NotImplementedError as error:
        return None, {"missing": str(error)}
    workers, import_bytes = int(str(request["concurrency"]).split()[0]), _memory.peak_bytes()
    return lambda: _write(write, workers, request["items"], import_bytes), {}


def _write(write, workers, items, import_bytes):
    """Write once to a folder that is removed. CPU seconds are those of all processes, memory is that of this one."""
    from benchmarks import _compat, _usage

    usage, before = {}, os.times()
    with tempfile.TemporaryDirectory() as folder:
        try:
            with _usage.measured(usage):
                count, failures = _compat.written(write, Path(folder) / "out", items, workers=workers)
        except Exception as error:  # noqa: BLE001 - it is shown to the user
            return {"error": f"{error}" or type(error).__name__}
    after = os.times()
    usage["cpu_seconds"] += sum(after[2:4]) - sum(before[2:4])
    return _outcome(count, failures, import_bytes, usage, None)


def _run(options, items, import_bytes):
    """Fetch once, the garbage collector off meanwhile as in all timings of asv."""
    from benchmarks import _compat, _usage

    usage = {}
    module = _compat.ingest_module(**options)
    gc.collect()
    gc.disable()
    try:
        with _usage.measured(usage):
            count, failures = _compat.drain(module, items)
    except Exception as error:  # noqa: BLE001 - it is shown to the user
        return {"error": f"{error}" or type(error).__name__}
    finally:
        gc.enable()
    return _outcome(count, failures, import_bytes, usage, getattr(module, "stats", None))


def _outcome(count, failures, import_bytes, usage, stats):
    from benchmarks import _memory, _usage

    return {
        "items": count,
        "failed": len(failures),
        "first_failure": str(failures[0]) if failures else None,
        "peak_bytes": _memory.peak_bytes(),
        "import_bytes": import_bytes,
        "usage": {**usage, **_usage.counted(stats)},
    }


if __name__ == "__main__":
    main()
