"""Times as texts by patterns of tokens (`YYYY-MM-DD [at] HH:mm`), as the moment.js library has them, in English.

Zones and the present are arguments. A text that does not say its offset is read in the zone that is given.
"""

from .reading import MAX_TEXT, parse_moment, zone_named
from .tokens import ISO, MAX_PATTERN
from .writing import format_moment, ordinal

__all__ = ["ISO", "MAX_PATTERN", "MAX_TEXT", "format_moment", "ordinal", "parse_moment", "zone_named"]
