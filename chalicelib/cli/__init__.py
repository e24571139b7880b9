"""The command line: a client of the HTTP API, and definitions kept as files. Not deployed; see docs/cli.md."""
