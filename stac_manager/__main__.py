"""The `stac-manager` command, also as `python -m stac_manager`."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command and exit."""
    try:
        from stac_manager.command import main as run  # not for workers, which import this module anew
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
