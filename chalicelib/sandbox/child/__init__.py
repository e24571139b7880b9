"""What runs in the sandbox's processes: standard library and engine only, because nothing else may be reached there."""
