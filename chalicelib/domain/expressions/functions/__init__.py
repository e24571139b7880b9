"""The fixed set of functions, a module per subject. Importing this package fills `FUNCTIONS`."""

from . import dates, encoding, lists, numbers, objects, texts, values
from .registry import FUNCTIONS, Function

SPELLINGS = {name.lower(): name for name in FUNCTIONS}
"""The right name by its lower-case form, for the hint in an error."""

__all__ = [
    "FUNCTIONS",
    "SPELLINGS",
    "Function",
    "dates",
    "encoding",
    "lists",
    "numbers",
    "objects",
    "texts",
    "values",
]
