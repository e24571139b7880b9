"""Regular expressions in JavaScript's notation, matched within a budget.

They come from users and meet texts from elsewhere, so every step of the matcher is counted: a pattern that
backtracks without end runs out of its budget, it does not hang. Runs of one character set, which is what patterns
mostly consist of, are matched at the speed of `re`, which cannot backtrack over them.
"""

from .compiler import MAX_PATTERN, compile_regex
from .matcher import MAX_STEPS, MAX_SUBJECT, Match, Regex

__all__ = ["MAX_PATTERN", "MAX_STEPS", "MAX_SUBJECT", "Match", "Regex", "compile_regex"]
