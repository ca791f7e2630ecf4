"""The `stac-manager` command, also as `python -m stac_manager`."""

from typing import NoReturn


def main() -> NoReturn:
    """Run the command and exit."""
    from stac_manager.command import main as run  # not for workers, which import this module anew

    run()


if __name__ == "__main__":
    main()
