"""`python -m chalicelib.cli`."""

import sys

from chalicelib.cli.shell import main

if __name__ == "__main__":
    sys.exit(main())
