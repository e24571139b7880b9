"""Handlebars templates: the language of handlebars.js 4.7 with the helpers of integration flows.

Templates are data: they reach the members of their context and a fixed set of helpers, nothing else. A rendering is
deterministic (time and randomness are arguments) and bounded (a budget of steps and of size).
"""

from ..errors import TemplateError
from .helpers import HELPERS
from .runtime import MAX_OUTPUT, MAX_STEPS, Lookups
from .template import MAX_TEMPLATE, Escape, Template, compile_template

__all__ = [
    "HELPERS",
    "MAX_OUTPUT",
    "MAX_STEPS",
    "MAX_TEMPLATE",
    "Escape",
    "Lookups",
    "Template",
    "TemplateError",
    "compile_template",
]
