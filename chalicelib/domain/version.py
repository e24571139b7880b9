"""The version of this product, as receivers and error events see it."""

VERSION = "0.1.0"
