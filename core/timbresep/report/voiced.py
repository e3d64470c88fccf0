"""The page of a voice: a recording beside what the voice makes of it, and how it sounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from timbresep.condition import picture
from timbresep.condition.vector import split
from timbresep.config import load_yaml
from timbresep.ddsp.features import FRAME_RATE, SAMPLE_RATE, VOICED, Features, extract
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.prepared import sounding
from timbresep.ddsp.resynthesis import Likeness, Played
from timbresep.errors import ConfigError, DataError, PluginError
from timbresep.figure import blank, png_of
from timbresep.instrument import Instrument, InstrumentConfig, own_file
from timbresep.report.drawings import midi_axis, spectrograms, waveforms
from timbresep.report.page import Grid, Page, Picture, Section, Track
from timbresep.report.sound import Sound, loudest, sound_of
from timbresep.units import hz_to_midi

LISTEN = (
    "The voice got pitch and loudness of the recording, and nothing else: what differs is its own "
    "timbre. The recording is muted at first, to be compared with the voice."
)
PLAYED = (
    "What the voice was asked for, and what is measured in what it played. They differ where it "
    "extrapolates, and where the recording has no sure pitch."
)
TIMBRE = "How strong each harmonic was while it played, in dB of the whole tone."
NO_CONDITION = "None is measured on this voice yet; `condition build` does that."
FLOOR_DB = -80.0


def voice_page(folder: Path, played: Played, title: str, likeness: Likeness | None = None) -> Page:
    """The page of a voice that has played a recording again.

    Args:
        folder: the plugin's.
        played: the recording, and what the voice makes of it.
        title: what was played.
        likeness: how near the voice comes to all solos that were held out of its training.

    Raises:
        ConfigError, CheckpointError: the plugin's description or model is missing or damaged.
    """
    config = load_yaml(folder / "instrument.yaml", InstrumentConfig)
    model = DdspModel.load(own_file(folder, config.ddsp.file))
    again = extract(played.audio.numpy(), SAMPLE_RATE, config.f0_range)
    errors = {**_errors(played, again), **(_told(likeness) if likeness else {})}
    sounds = _sounds(played)
    reference = loudest(sounds)
    sections = [
        Section(
            *("Listen", [LISTEN], _tracks(sounds, reference)),
            figures=[waveforms(sounds), spectrograms(sounds, reference)],
        ),
        Section(
            "Pitch and loudness",
            [PLAYED],
            [],
            [Grid(list(errors.items()))],
            [_features(played, again)],
        ),
        Section("Harmonics", [TIMBRE], figures=[_harmonics(model, played)]),
        _condition(folder),
        Section("Voice", tables=[Grid(list(_facts(config, model).items()))]),
    ]
    return Page(title, f"the voice of {config.name}, {played.seconds:.1f} s", sections)


def _sounds(played: Played) -> list[Sound]:
    waves = {"recording": played.original, "voice": played.audio}
    return [sound_of(name, wave.numpy()[None], SAMPLE_RATE) for name, wave in waves.items()]


def _tracks(sounds: Sequence[Sound], reference: float) -> list[Track]:
    return [each.track(reference, muted=place == 0) for place, each in enumerate(sounds)]


def _errors(played: Played, again: Features) -> dict[str, str]:
    """How far what was played is from what was asked for."""
    frames = min(len(again.loudness_db), len(played.loudness_db))
    sounds = sounding(played.loudness_db[:frames]).numpy()
    if not sounds.any():
        return {}
    asked = played.loudness_db.numpy()[:frames]
    gap = np.abs(again.loudness_db[:frames] - asked)[sounds].mean()
    found = {"loudness, mean error": f"{gap:.1f} dB"}
    f0 = played.f0_hz.numpy()[:frames]
    sure = sounds & (again.f0_confidence[:frames] >= VOICED) & (f0 > 0)
    if sure.any():
        cents = 1200 * np.abs(np.log2(again.f0_hz[:frames][sure] / f0[sure]))
        found["pitch, median error"] = f"{np.median(cents):.1f} cents"
    return found


def _told(likeness: Likeness) -> dict[str, str]:
    told = {
        "all that was held out": f"{likeness.seconds:.0f} s",
        "its spectral loss": f"{likeness.loss:.2f}",
        "its loudness, mean error": f"{likeness.loudness_db:.1f} dB",
    }
    if likeness.f0_cents is not None:
        told["its pitch, median error"] = f"{likeness.f0_cents:.1f} cents"
    return told


def _features(played: Played, again: Features) -> Picture:
    """Pitch and loudness over time, as asked for and as played."""
    frames = min(len(again.loudness_db), len(played.loudness_db))
    time = np.arange(frames) / FRAME_RATE
    f0 = played.f0_hz.numpy()[:frames]
    pitched = bool((f0 > 0).any())
    figure = blank(10, 5 if pitched else 3)
    rows = figure.subplots(1 + pitched, 1, sharex=True, squeeze=False)[:, 0]
    if pitched:
        sounds = sounding(played.loudness_db[:frames]).numpy()
        sure = sounds & (again.f0_confidence[:frames] >= VOICED)
        for hz, where, label in ((f0, sounds & (f0 > 0), "asked"), (again.f0_hz, sure, "played")):
            midi = np.full(frames, np.nan)
            midi[where] = hz_to_midi(hz[:frames][where])
            rows[0].plot(time, midi, label=label, lw=1.2)
        midi_axis(rows[0])
    rows[-1].plot(time, played.loudness_db.numpy()[:frames], label="asked", lw=1.2)
    rows[-1].plot(time, again.loudness_db[:frames], label="played", lw=1.2)
    rows[-1].set_ylabel("loudness, A-weighted dB")
    rows[-1].set_xlabel("seconds")
    rows[-1].legend(fontsize=8, loc="lower right")
    rows[-1].set_xlim(0, max(frames, 1) / FRAME_RATE)
    return Picture("pitch-and-loudness", png_of(figure), "Pitch and loudness, asked and played")


@torch.no_grad()
def _harmonics(model: DdspModel, played: Played) -> Picture:
    """The share of each harmonic over time, and its mean; of unpitched sounds, the noise."""
    controls = model.controls(played.f0_hz[None], played.loudness_db[None])
    pitched = bool((played.f0_hz > 0).any())
    values = (controls.distribution if pitched else controls.noise)[0].numpy()
    sounds = sounding(played.loudness_db).numpy()
    total = values if pitched else values / max(float(values.max()), 1e-9)
    db = np.maximum(20 * np.log10(np.maximum(total, 1e-9)), FLOOR_DB)
    figure = blank(10, 4)
    over, mean = figure.subplots(1, 2, width_ratios=[3, 2])
    seconds = len(db) / FRAME_RATE
    image = over.imshow(
        np.where(sounds[:, None], db, FLOOR_DB).T,
        *("magma", None),
        aspect="auto",
        origin="lower",
        extent=(0, seconds, 0.5, db.shape[1] + 0.5),
        vmin=FLOOR_DB,
        vmax=0,
    )
    what = "harmonic" if pitched else "noise band, 0 to 8 kHz"
    over.set_xlabel("seconds")
    over.set_ylabel(what)
    figure.colorbar(image, ax=over, label="dB")
    numbers = np.arange(1, db.shape[1] + 1)
    level = 20 * np.log10(np.maximum(total[sounds].mean(axis=0), 1e-4)) if sounds.any() else 0
    mean.bar(numbers, level - FLOOR_DB + 0 * numbers, bottom=FLOOR_DB)
    mean.set_xlabel(what)
    mean.set_ylabel("mean, dB")
    return Picture("harmonics", png_of(figure), f"The level of each {what}, over time and mean")


def _condition(folder: Path) -> Section:
    """The condition that was measured on the voice, if there is one."""
    title = "Condition"
    try:
        instrument = Instrument.from_folder(folder, "")
        vectors = {instrument.name: instrument.condition()}
        split(vectors[instrument.name])
    except (ConfigError, PluginError, DataError):
        return Section(title, [NO_CONDITION])
    figure = blank(*picture.size(vectors))
    picture.fill_harmonics(figure, vectors)
    drawn = Picture("condition", png_of(figure), "The condition: harmonics by pitch register")
    return Section(
        title, ["What separation is steered with, measured on this voice."], [], [], [drawn]
    )


def _facts(config: InstrumentConfig, model: DdspModel) -> dict[str, str]:
    size, about = model.config, model.metadata
    found = {
        "harmonics": str(size.n_harmonics),
        "noise bands": str(size.n_noise),
        "reverb": f"{size.reverb_length / size.sample_rate:g} s" if size.reverb_length else "none",
        "parameters": f"{sum(value.numel() for value in model.parameters()):,}",
        "trained on": _range(model) if config.f0_range else "sounds without pitch",
        "trained with": str(about.get("command", "not stated")),
        "on": ", ".join(str(about[key]) for key in ("hardware", "date") if key in about),
        "licence of the audio": "; ".join(config.licences.data),
        "licence of the weights": config.licences.weights,
    }
    return {name: value for name, value in found.items() if value}


def _range(model: DdspModel) -> str:
    heard = model.trained_range
    low, high = heard.f0_hz
    return (
        f"{low:.0f} to {high:.0f} Hz, loudness mostly {heard.loudness_db[0]:.0f} to "
        f"{heard.loudness_db[2]:.0f} dB"
    )
