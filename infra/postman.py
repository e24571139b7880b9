"""`python -m infra.postman`: the API as a collection for Postman, in a file.

--out FILE       where to; default: penstock.postman_collection.json
--url ADDRESS    the installation that it is for; default: http://localhost:8000
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import app
from chalicelib.api.document.build import openapi
from chalicelib.api.document.postman import collection


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.postman", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("penstock.postman_collection.json"))
    parser.add_argument("--url", default="http://localhost:8000")
    asked = parser.parse_args(arguments)
    made = collection({"servers": [{"url": asked.url.rstrip("/")}], **openapi(app.documents())})
    asked.out.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stderr.write(f"{asked.out}: {sum(len(folder['item']) for folder in made['item'])} requests\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
