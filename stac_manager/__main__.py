"""The `stac-manager` command, also as `python -m stac_manager`.

Nothing is imported here before Ctrl-C is heeded, not even `typing`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> "NoReturn":
    """Run the command and exit."""
    try:
        from stac_manager.command import main as run  # not for workers, which import this module anew

        run()
    except KeyboardInterrupt:  # while it was imported, or in its last steps
        import os

        os.write(2, b"interrupted\n")
        os._exit(130)


if __name__ == "__main__":
    main()
