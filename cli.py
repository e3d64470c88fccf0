"""`python cli.py …` in a checkout is `timbresep …`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "core"))

from timbresep.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
