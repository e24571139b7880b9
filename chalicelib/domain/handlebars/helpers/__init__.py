"""The helpers that a template may call, by name."""

from . import blocks, collections, dates, encoding, numbers, regexes, signing, texts
from .blocks import CONDITIONS, each
from .registry import HELPERS, Call, Helper, Role

__all__ = [
    "CONDITIONS",
    "HELPERS",
    "Call",
    "Helper",
    "Role",
    "blocks",
    "collections",
    "dates",
    "each",
    "encoding",
    "numbers",
    "regexes",
    "signing",
    "texts",
]
