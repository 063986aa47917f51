"""What `world.wit` says, in Python; the runtime that links this module to the host looks names up in it."""

from enum import Enum

import componentize_py_runtime
from componentize_py_types import Err


class Ending(Enum):
    """How a program ended, as far as the interpreter knows."""

    FINISHED = 0
    EXITED = 1
    RAISED = 2
    OUT_OF_MEMORY = 3


def ask(function, arguments):
    """Asks the host to call the candidate; raises `Err` with the text of what the candidate raised."""
    result = componentize_py_runtime.call_import(0, [function, arguments])
    if isinstance(result, Err):
        raise result
    return result.value
