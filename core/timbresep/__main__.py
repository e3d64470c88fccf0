"""`timbresep …`, and `python -m timbresep …`."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: those of the process unless given.

    Returns:
        The exit code.
    """
    try:
        from timbresep.commands.app import main as run
    except ImportError as missing:  # the command line itself cannot start
        from timbresep.errors import not_installed

        sys.exit(f"error: {not_installed(missing)}")
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
