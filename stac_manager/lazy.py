"""Names of a package that are imported where they are first used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module


def imported(package: str, modules: Mapping[str, str], name: str) -> object:
    """Return what a package's `__getattr__` is asked for, from the module that has it, and keep it in the package.

    Raises:
        AttributeError: If none of its modules has it.
    """
    if name not in modules:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{package}.{modules[name]}"), name)
    setattr(sys.modules[package], name, found)
    return found
