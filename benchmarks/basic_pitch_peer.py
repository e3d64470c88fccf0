"""basic-pitch as a peer: notes of any instrument, without labels. The one file that imports it.

    pip install --no-deps basic-pitch==0.4.0
    pip install -c constraints.txt onnxruntime librosa pretty_midi "resampy<0.4.3" "setuptools<82"

(Its own pins ask for a TensorFlow of 2023; its network is in the package as ONNX, too.)

Source: Bittner et al., "A lightweight instrument-agnostic model for polyphonic note transcription
and multipitch estimation", ICASSP 2022.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from pathlib import Path

import numpy as np

from timbresep import audio
from timbresep.errors import MissingToolError
from timbresep.notes.score import Note


class BasicPitch:
    """Its network, with the thresholds that it has by default.

    Raises:
        MissingToolError: it is not installed.
    """

    def __init__(self) -> None:
        logging.getLogger().setLevel(logging.ERROR)  # it warns of each backend that is missing
        try:
            from basic_pitch import FilenameSuffix, build_icassp_2022_model_path
            from basic_pitch.inference import Model, predict
        except ImportError as error:
            raise MissingToolError(
                f"basic-pitch cannot be imported: {error}", (__doc__ or "").split("\n\n")[1]
            ) from error
        self._predict = predict
        self._model = Model(build_icassp_2022_model_path(FilenameSuffix.onnx))

    def __call__(self, wave: np.ndarray, rate: int) -> list[Note]:
        """The notes of a recording (channels, samples)."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "recording.wav"
            audio.write(path, np.asarray(wave, np.float32), rate)
            with contextlib.redirect_stdout(io.StringIO()):
                _, _, events = self._predict(path, self._model)
        found = [
            Note(float(start), float(end), int(pitch), int(np.clip(round(127 * level), 1, 127)))
            for start, end, pitch, level, _ in events
            if end > start
        ]
        return sorted(found, key=lambda note: (note.start, note.pitch))
