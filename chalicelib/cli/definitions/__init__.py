"""Definitions as files: read, checked, compared with a workspace, and brought into it."""
