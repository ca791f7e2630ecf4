"""asv with other results and branch than its configuration says: python elsewhere.py RESULTS BRANCH ASV_ARGUMENTS...

asv has no options for these. A changed copy of the configuration would have to lie beside the original, because asv
finds pyproject.toml (and in it what a build needs), plugins and {conf_dir} from the folder of the file in use.
"""

import os
import sys

if __name__ == "__main__":
    del sys.path[0]  # this folder: its modules are not for asv to import
    from asv import config, main

    _, results_dir, branch, *arguments = sys.argv
    read = config.Config.from_json.__func__

    def from_json(cls: type[config.Config], settings: dict[str, object]) -> config.Config:
        return read(cls, {**settings, "results_dir": results_dir, "branches": [branch]})

    config.Config.from_json = classmethod(from_json)
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":  # of which asv knows nothing
        for stream in (sys.stdout, sys.stderr):
            stream.isatty = lambda: False  # type: ignore[method-assign]
    sys.argv = ["asv", *arguments]
    main.main()  # which ends the process with asv's exit code
