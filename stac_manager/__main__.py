"""`python -m stac_manager` is `stac-manager`."""

from stac_manager.command import main

if __name__ == "__main__":
    main()
