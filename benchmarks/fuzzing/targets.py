"""What is fuzzed: each parser that meets outside bytes, with files to begin from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.fuzzing import datasets, descriptions, recordings, scores, weights
from benchmarks.fuzzing.target import Target


def _web(scratch: Path) -> Target:
    from benchmarks.fuzzing import web

    return web.requests(scratch)


MAKERS: dict[str, Callable[[Path], Target]] = {
    "audio": recordings.by_libsndfile,
    "audio by ffmpeg": recordings.by_ffmpeg,
    **{f"checkpoint, {name}": partial(weights.a_checkpoint, backbone=name)
       for name in weights.SMALL},
    "weights of a source model": weights.of_source_model,
    "record of weights": descriptions.weights_record,
    "DDSP voice": weights.a_voice,
    "prepared solos": weights.prepared_solos,
    "tone tables": weights.tone_tables,
    "condition.npy": weights.condition_vector,
    "condition.json": weights.measured_condition,
    "state of a run": weights.state_of_run,
    "state of a voice": weights.state_of_voice,
    "run.yaml": descriptions.run_yaml,
    "instrument.yaml": partial(descriptions.plugin, name="instrument.yaml"),
    "recipe.yaml": partial(descriptions.plugin, name="recipe.yaml"),
    "extras.yaml": descriptions.extra_instruments,
    "registry.yaml": descriptions.registry_yaml,
    "operative_config.gin": descriptions.gin,
    "track.yaml": partial(datasets.dataset, kind="stems", name="bad/track.yaml"),
    "MedleyDB": partial(datasets.dataset, kind="medleydb", name="A_Bad/A_Bad_METADATA.yaml"),
    "MoisesDB": partial(datasets.dataset, kind="moisesdb", name="set/bad/data.json"),
    "Slakh": partial(datasets.dataset, kind="slakh", name="Track00001/metadata.yaml"),
    "MusicNet, notes": partial(datasets.musicnet, name="train_labels/1.csv"),
    "MusicNet, pieces": partial(datasets.musicnet, name="musicnet_metadata.csv"),
    "notes.mid of a track": datasets.notes_of_a_track,
    "stems of other systems": datasets.estimates,
    "score, MIDI": scores.midi,
    "score, MusicXML": scores.musicxml,
    "score, MXL": scores.compressed,
    "score, Humdrum": scores.humdrum,
    "score, MEI": scores.mei,
    "MIDI of stems": scores.midi_of_stems,
    "ledger of stems": descriptions.ledger,
    "finished track": descriptions.finished_track,
    "settings of an evaluation": descriptions.evaluation_settings,
    "HTTP requests": _web,
    "value of --set": descriptions.option,
}  # fmt: skip
"""Name of a parser → makes its target, whose files lie in an empty folder."""


def missing(name: str) -> bool:
    """Whether a parser cannot be tried: it needs ffmpeg, which is not installed."""
    return name == "audio by ffmpeg" and not recordings.has_ffmpeg()
