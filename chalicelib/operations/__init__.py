"""What operators do to a deployed stage beyond its keys. Not part of the deployed package."""
