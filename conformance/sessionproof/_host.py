"""Serve the adapter that `module:Class` names: `python -m sessionproof._host my_module:MyAdapter`."""

import importlib
import sys

from sessionproof._serve import Adapter, serve


def load_adapter(name: str) -> Adapter:
    """The adapter that `module:Class` names.

    Raises:
        ValueError: There is none; the message says what is missing.
    """
    module_name, _, class_name = name.partition(":")
    sys.path.insert(0, "")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{name}: {error}; expected MODULE:CLASS, importable from the current folder") from error
    if not (isinstance(found, type) and issubclass(found, Adapter)):
        raise ValueError(  # noqa: TRY004 - the name is wrong, whatever it names
            f"{name} is no subclass of sessionproof.Adapter"
        )
    return found()


if __name__ == "__main__":
    try:
        serve(load_adapter(sys.argv[1]))
    except ValueError as problem:
        sys.exit(str(problem))
