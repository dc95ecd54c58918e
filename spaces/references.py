"""``module:attribute`` names, by which a sweep file reaches the user's own code."""

from importlib import import_module
from typing import Any

from spaces.errors import InputError


def load_reference(name: str) -> Any:
    """Import what ``module:attribute`` names.

    Such names come from a sweep file or a command line alone, never from a database: write access
    to a database must not be code execution.

    Args:
        name: For example ``my_lab.spaces:TISSUE``.

    Returns:
        The attribute, whatever it is.

    Raises:
        InputError: If the module or its attribute does not exist.
    """
    module_name, _, attribute = name.partition(":")
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise InputError(
            f"{name!r}: the module {module_name!r} could not be imported ({error}); is it "
            "installed, or in the folder that foldsweep is started in?"
        ) from error
    if not hasattr(module, attribute):
        raise InputError(f"{name!r}: the module {module_name!r} has no attribute {attribute!r}")
    return getattr(module, attribute)
