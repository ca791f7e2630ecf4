"""What people run: the command line, the test data, the local STAC API, the report."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# `python tools/a_program.py` puts this folder first on the path, where `import asv` would find `tools/asv`.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != ROOT / "tools"]
