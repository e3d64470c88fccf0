"""All that stems depend on besides the recording: what a rerun knows its own stems by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict

from timbresep import __version__
from timbresep.files import sha256_of
from timbresep.separation.scored import ScoreRequest
from timbresep.separation.separator import Separator
from timbresep.separation.streams import StreamSeparator


def settings_of(
    model: StreamSeparator, stems: Sequence[str], *, score: ScoreRequest | None = None
) -> dict[str, object]:
    """What the stems of a separator depend on, as JSON can hold it.

    Args:
        model: an open separator.
        stems: those asked for; they count only where all share the mixture.
        score: the score that it was opened with.

    Raises:
        OSError: a file is gone.
    """
    options = asdict(model.options)
    found: dict[str, object] = {"version": __version__, "options": options}
    if model.options.mixture_consistency:
        found["sharing"] = sorted(stems)
    if score is not None:
        told = {k: v for k, v in asdict(score).items() if k != "file"}
        found["score"] = {"file": sha256_of(score.file), **told}
    if isinstance(model, Separator):
        found["network"] = sha256_of(model.checkpoint.path)
        vectors = (model.condition(name).tobytes() for name in sorted(model.known))
        found["conditions"] = hashlib.sha256(b"".join(vectors)).hexdigest()
        if model.first is not None:
            found["source model"] = {
                "name": model.first.stage.name,
                "weights": sha256_of(model.first.weights),
                "places": sorted(model.first.places.of.items()),
            }
        if model.hearing is not None:
            found["transcriber"] = sha256_of(model.hearing.checkpoint.path)
    return found
