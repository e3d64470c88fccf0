"""Play the pitch and loudness of a recording with a plugin's voice."""

from __future__ import annotations

from pathlib import Path

from timbresep.audio import write
from timbresep.config import load_yaml
from timbresep.ddsp.features import SAMPLE_RATE
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.resynthesis import Played, resynthesise
from timbresep.errors import OutputExistsError
from timbresep.instrument import InstrumentConfig, own_file


def resynthesise_file(
    folder: Path,
    audio: Path,
    out: Path,
    *,
    semitones: float = 0.0,
    dry: bool = False,
    overwrite: bool = False,
) -> Played:
    """Play a recording with a plugin's voice and write what comes out, mono at 16 kHz.

    Args:
        folder: has `instrument.yaml` and the model.
        audio: a recording of one note at a time.
        out: WAV or FLAC file to write.
        semitones: transposition.
        dry: without the model's reverb.
        overwrite: replace a file that is there.

    Returns:
        The recording, and what was written.

    Raises:
        ConfigError, CheckpointError: the plugin's description or model is missing or damaged.
        AudioError, DataError: the recording cannot be read or resynthesised.
        OutputExistsError: ``out`` is there and may not be replaced.
    """
    if out.exists() and not overwrite:
        raise OutputExistsError(f"{out} exists", "choose another name, or use --overwrite")
    config = load_yaml(folder / "instrument.yaml", InstrumentConfig)
    model = DdspModel.load(own_file(folder, config.ddsp.file))
    played = resynthesise(model, audio, config.f0_range, semitones=semitones, dry=dry)
    write(out, played.audio.numpy()[None], SAMPLE_RATE, overwrite=overwrite)
    return played
