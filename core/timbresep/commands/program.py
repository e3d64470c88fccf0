"""What the program is called, as it was started: hints give commands that can be copied."""

from __future__ import annotations

import sys
from pathlib import Path

PROGRAM = "python cli.py" if Path(sys.argv[0]).name == "cli.py" else "timbresep"
