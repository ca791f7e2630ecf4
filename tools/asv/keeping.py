"""A plugin of asv: `asv run` says beforehand how long it takes, Ctrl-C or a polite kill in the middle keeps what is
done, and what is wrong with the checkout is told in words.

Named in asv.conf.json as ".tools.asv.keeping". asv itself saves a commit's results when the last benchmark has ended.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asv.commands import run as asv_run
from asv.commands.publish import Publish
from asv.console import log
from asv.results import iter_results
from asv.util import ProcessError, UserError

from tools.errors import end_as_ctrl_c_does

GUESSED_SECONDS = 8.0
"""What a benchmark with one combination of parameters takes, while nobody knows: the mean of this project's suite."""


def estimate(chosen: Mapping[str, Sequence[int] | None], durations: Mapping[str, float]) -> float:
    """The seconds that benchmarks take, given the chosen combinations of parameters of each (None where it has none):
    as long as the last time, or a guess for what never ran.
    """
    return sum(durations.get(name) or GUESSED_SECONDS * len(places or (0,)) for name, places in chosen.items())


def install() -> None:
    """Wrap what runs the benchmarks of one commit."""
    run, run_benchmarks = asv_run.Run.run.__func__, asv_run.run_benchmarks
    state: dict[str, Any] = {}

    @functools.wraps(run)
    def remembering(cls: type, conf: Any, *arguments: Any, **options: Any) -> Any:
        end_as_ctrl_c_does()
        state.update(results_dir=conf.results_dir, saves=not options.get("dry_run"))
        return run(cls, conf, *arguments, **options)

    @functools.wraps(run_benchmarks)
    def keeping(benchmarks: Any, env: Any, results: Any = None, **options: Any) -> Any:
        results_dir = state.get("results_dir")
        if results_dir is not None and results is not None:
            found = sorted(iter_results(str(results_dir)), key=lambda one: one.date or 0)  # the newest counts
            durations = {name: seconds for one in found for name, seconds in one.duration.items() if seconds}
            chosen = {name: benchmarks.benchmark_selection[name] for name in benchmarks}
            minutes = estimate(chosen, durations) / 60
            log.info(f"This commit takes about {max(1, round(minutes))} min; Ctrl-C keeps what is done")
        try:
            return run_benchmarks(benchmarks, env, results=results, **options)
        except (KeyboardInterrupt, UserError):  # which asv makes of Ctrl-C in a benchmark
            if results_dir is not None and results is not None and state["saves"] and results.commit_hash:
                results.save(results_dir)
                log.info("Interrupted: what was measured until now is kept")
            raise

    asv_run.Run.run = classmethod(remembering)
    asv_run.run_benchmarks = keeping
    for command in (asv_run.Run, Publish):
        command.run = classmethod(_in_words()(command.run.__func__))


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except OSError as error:  # asv shows a traceback of these
        raise UserError(f"{error.filename or 'a file'}: {error.strerror or error}") from error
    except ProcessError as error:
        said = (error.stderr or error.stdout or "it said nothing").strip()
        raise UserError(f"{Path(error.args[0]).name} failed: {said}") from error


install()
