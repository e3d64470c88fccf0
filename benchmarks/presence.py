"""How often `listen` is right about who plays.

    python benchmarks/presence.py SETS [--sets valid-recorded valid-other] [--limit N] [--seconds S]

Each track is listened to for all instruments of the separator. Its stems say who plays. The table
gives recall (of those who play, how many are named) and precision (of those named, how many play).
The thresholds of `timbresep.separation.presence` were chosen on sets of the valid side.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from timbresep import audio
from timbresep.evaluation.stem_stream import StemStream
from timbresep.evaluation.tracks import tracks_in
from timbresep.registry.registry import Registry
from timbresep.running.provenance import hardware, today
from timbresep.separation.listening import listen
from timbresep.separation.load import open_separator


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("root", metavar="SETS", type=Path)
    parser.add_argument("--sets", nargs="+", default=["valid-recorded", "valid-other"])
    parser.add_argument("--separator", default="universal")
    parser.add_argument("--limit", type=int, help="only the first tracks of each set")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each track, from its start")
    given = parser.parse_args()
    registry = Registry.load()
    separator = open_separator(separator=given.separator, registry=registry)
    print("| set | play | named | right | recall | precision |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in given.sets:
        play = named = right = 0
        for track in tracks_in(given.root / name, registry.instruments())[: given.limit]:
            mixture, _ = StemStream(track, list(track.stems)).load()
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "mixture.wav"
                audio.write(path, mixture[:, : round(given.seconds * track.rate)], track.rate)
                found = {each.name for each in listen(separator, path).found if each.plays}
            truth = {stem for stem in track.stems if stem in separator.asked}
            play, named = play + len(truth), named + len(found)
            right += len(truth & found)
        shares = f"{right / max(1, play):.2f} | {right / max(1, named):.2f}"
        print(f"| {name} | {play} | {named} | {right} | {shares} |", flush=True)
    print(f"\n`presence.py`, `{given.separator}`; {today()}, {hardware()}.")


if __name__ == "__main__":
    main()
