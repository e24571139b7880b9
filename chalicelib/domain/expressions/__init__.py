"""The one expression evaluator: templates with `{{ … }}` or `${ … }` in JSON values.

Expressions are data: they reach the values of their scope and a fixed set of functions, nothing else. A
render is deterministic (the scope brings time and seed) and bounded (a budget of steps and of size).
"""

from .functions import FUNCTIONS
from .lexer import MAX_EXPRESSION_LENGTH
from .parser import MAX_NESTING
from .runtime import Budget, MappingScope, Scope, Value
from .template import CONDUCTOR, EXEOFLOW, Delimiters, Template, compile_expression, compile_template

__all__ = [
    "CONDUCTOR",
    "EXEOFLOW",
    "FUNCTIONS",
    "MAX_EXPRESSION_LENGTH",
    "MAX_NESTING",
    "Budget",
    "Delimiters",
    "MappingScope",
    "Scope",
    "Template",
    "Value",
    "compile_expression",
    "compile_template",
]
