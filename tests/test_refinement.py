"""Harmonic refinement: the overtones of a note get one player."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import cli
from fakes import JOINT, PLAIN, RATE, GainBackbone, loaded, metadata, vector
from test_cascade import Shares
from timbresep import audio
from timbresep.checkpoint import Checkpoint
from timbresep.condition.vector import length
from timbresep.errors import TimbresepError, UnknownNameError
from timbresep.evaluation.run import evaluate
from timbresep.evaluation.tracks import tracks_in
from timbresep.metrics import sdr
from timbresep.separation.options import SeparationOptions
from timbresep.separation.refinement import Refinement
from timbresep.separation.separator import Separator
from timbresep.separation.sources import Sources, SourceStage, places
from tones import HORN, REED, Wave, condition, line, played

SECONDS = 2.0
FIRST = played(line("reed", (60, 64, 67, 62)), SECONDS, RATE, REED)[None]
SECOND = played(line("horn", (67, 72, 62, 65)), SECONDS, RATE, HORN)[None]
MIXTURE = FIRST + SECOND
DIM = length(1)
VOICES = {"reed": condition(REED), "horn": condition(HORN)}
REFINED = replace(JOINT, refine=True)
ALL_PLAY = replace(PLAIN, refine=True, mixture_consistency=True)


def refinement(*, all_play: bool = False) -> Refinement:
    return Refinement.of_voices(VOICES, RATE, torch.device("cpu"), all_play=all_play)


def heard_below(hertz: float) -> dict[str, Wave]:
    """Stems of a network that knows whose each bin is, but for those above a frequency."""
    stft = refinement().stft
    first, second = (stft(torch.from_numpy(wave)).abs() for wave in (FIRST, SECOND))
    own = first / (first + second + 1e-9)
    own[:, round(hertz * stft.n_fft / RATE) :] = 0.5
    spectrum = stft(torch.from_numpy(MIXTURE))
    waves = [stft.inverse(mask * spectrum, MIXTURE.shape[1]).numpy() for mask in (own, 1 - own)]
    return {"reed": waves[0], "horn": waves[1]}


def refined(stems: dict[str, Wave], **how: bool) -> dict[str, Wave]:
    tensors = {name: torch.from_numpy(wave) for name, wave in stems.items()}
    found = refinement(**how).refined(torch.from_numpy(MIXTURE), tensors)
    return {name: wave.numpy() for name, wave in found.items()}


def network(chunk: int = 4 * RATE, drum: float = 0.1) -> Checkpoint:
    """A network that gives each instrument a fixed share of the mixture."""
    conditions = {**VOICES, "drum": vector(drum, DIM)}
    model = GainBackbone(DIM, chunk, RATE // 4)
    return replace(
        loaded(model, drum=drum), conditions=conditions, metadata=metadata([*conditions])
    )


def separator(options: SeparationOptions = REFINED, chunk: int = 4 * RATE) -> Separator:
    return Separator(network(chunk), options=options)


@pytest.mark.parametrize("all_play", [False, True])
def test_overtones_follow_the_part_of_a_note_that_a_network_knows(all_play: bool) -> None:
    before = heard_below(700)
    after = refined(before, all_play=all_play)
    for name, truth in (("reed", FIRST), ("horn", SECOND)):
        assert sdr(truth, after[name]) > sdr(truth, before[name]) + 0.6


def test_what_is_right_already_stays_nearly_as_it_is() -> None:
    after = refined(heard_below(RATE / 2))
    assert min(sdr(FIRST, after["reed"]), sdr(SECOND, after["horn"])) > 8


def test_instruments_without_a_voice_and_faint_ones_stay_as_they_are() -> None:
    knock = 0.01 * np.random.default_rng(0).standard_normal(MIXTURE.shape).astype(np.float32)
    faint = {"horn": 0.01 * MIXTURE, "drum": knock, "reed": 0.9 * MIXTURE}
    after = refined(faint)
    np.testing.assert_array_equal(after["drum"], knock)
    np.testing.assert_array_equal(after["horn"], faint["horn"])
    assert not np.array_equal(after["reed"], faint["reed"])


def test_what_an_unpitched_instrument_claims_is_not_given_to_others() -> None:
    stems = heard_below(RATE / 2)
    beside = {**stems, "drum": 0.9 * MIXTURE}
    levels = [np.square(refined(some)["reed"]).sum() for some in (stems, beside)]
    assert levels[1] < 0.7 * levels[0]


def test_pitches_that_a_voice_does_not_reach_are_never_its_notes() -> None:
    """The reed's voice is known below C4 only, and the second line lies above it."""
    low = {"reed": condition(REED, [0, 1]), "horn": condition(HORN)}
    own = Refinement.of_voices(low, RATE, torch.device("cpu"))
    halves = dict.fromkeys(low, torch.from_numpy(0.5 * SECOND))
    after = own.refined(torch.from_numpy(SECOND), halves)
    energy = {name: float(wave.square().sum()) for name, wave in after.items()}
    assert energy["horn"] > 5 * energy["reed"]


def test_a_network_that_knows_no_voice_refines_nothing() -> None:
    checkpoint = loaded(GainBackbone(3), reed=0.5, horn=0.4)
    before, after = (Separator(checkpoint, options=o) for o in (JOINT, REFINED))
    expected = before.separate(MIXTURE, RATE)
    for name, stem in after.separate(MIXTURE, RATE).items():
        np.testing.assert_allclose(stem, expected[name], atol=1e-6)


def test_drums_pass_through_a_separator() -> None:
    expected = separator(JOINT).separate(MIXTURE, RATE)
    found = separator().separate(MIXTURE, RATE)
    np.testing.assert_allclose(found["drum"], expected["drum"], atol=1e-6)
    assert not np.allclose(found["reed"], expected["reed"], atol=1e-3)


def test_stems_are_never_more_than_the_mixture() -> None:
    stems = separator().separate(MIXTURE, RATE)
    assert np.square(stems["reed"] + stems["horn"]).sum() < 1.01 * np.square(MIXTURE).sum()


def test_with_mixture_consistency_stems_sum_to_the_mixture() -> None:
    stems = separator(ALL_PLAY).separate(MIXTURE, RATE, ["reed", "horn"])
    np.testing.assert_allclose(sum(stems.values()), MIXTURE, atol=1e-5)


def test_no_stem_depends_on_which_others_are_asked_for() -> None:
    whole = separator().separate(MIXTURE, RATE)
    alone = separator().separate(MIXTURE, RATE, ["horn"])
    assert list(alone) == ["horn"]
    np.testing.assert_allclose(alone["horn"], whole["horn"], atol=1e-6)


def test_an_instrument_that_joint_masking_does_not_know_keeps_its_stem() -> None:
    new = {"lute": 0.5 * condition(HORN)}
    before, after = (Separator(network(), new, options) for options in (JOINT, REFINED))
    expected = before.separate(MIXTURE, RATE, ["lute"])["lute"]
    stems = after.separate(MIXTURE, RATE, ["lute", "reed"])
    np.testing.assert_allclose(stems["lute"], expected, atol=1e-6)


def test_silence_gives_silence() -> None:
    assert not any(stem.any() for stem in separator().separate(0 * MIXTURE, RATE).values())


def test_louder_changes_nothing_else() -> None:
    soft, loud = (separator().separate(gain * MIXTURE, RATE) for gain in (0.01, 10.0))
    for name in soft:
        np.testing.assert_allclose(1000 * soft[name], loud[name], rtol=1e-2, atol=5e-3)


def test_short_windows_are_close_to_one() -> None:
    long = np.tile(MIXTURE, (1, 4))
    whole, chunked = (separator(chunk=n * RATE).separate(long, RATE) for n in (10, 2))
    for name in whole:
        assert sdr(whole[name], chunked[name]) > 12


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("samples", [1, 700, 12_345])
def test_any_length_and_stereo(channels: int, samples: int) -> None:
    mixture = np.tile(MIXTURE[:, 2000 : 2000 + samples], (channels, 1))
    stems = separator().separate(mixture, RATE)
    assert {stem.shape for stem in stems.values()} == {(channels, samples)}


def test_what_a_source_model_has_a_source_for_stays_as_it_is() -> None:
    checkpoint = network()
    found, _ = places(
        {"reed": ["vocals"], "horn": ["rest"], "drum": ["rest"]}, Shares.sources, "rest"
    )
    first = Sources(SourceStage(Shares(0.6, 0.0, 0.4), "shares", "cpu"), checkpoint.path, found)
    before, after = (Separator(checkpoint, {}, o, first=first) for o in (JOINT, REFINED))
    expected, stems = (s.separate(np.tile(MIXTURE, (2, 1)), RATE) for s in (before, after))
    np.testing.assert_allclose(stems["reed"], expected["reed"], atol=1e-6)
    assert not np.allclose(stems["horn"], expected["horn"], atol=1e-3)


def test_stems_that_share_nothing_are_not_refined(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TimbresepError, match="independently cannot be refined"):
        SeparationOptions(joint=False, refine=True)
    assert cli.main(["separate", "x.wav", "--refine", "--independent"]) == 1
    assert "cannot be refined" in capsys.readouterr().err


@pytest.mark.parametrize("options", [REFINED, ALL_PLAY])
def test_names_that_nobody_knows_are_said(options: SeparationOptions) -> None:
    with pytest.raises(UnknownNameError, match="knows no instrument 'gong'"):
        separator(options).separate(MIXTURE, RATE, ["gong"])


def test_an_evaluation_refines_what_shares_the_mixture(tmp_path: Path) -> None:
    for name, wave in (("reed", FIRST), ("horn", SECOND)):
        audio.write(tmp_path / "piece" / f"{name}.wav", wave, RATE)
    rows = [
        {(row.method, row.instrument): row.sdr for row in evaluate(s, tracks_in(tmp_path, [])).rows}
        for s in (separator(JOINT), separator())
    ]
    same = {key: rows[0][key] == pytest.approx(rows[1][key], abs=1e-3) for key in rows[0]}
    assert all(same[key] for key in same if key[0] in ("independent", "oracle", "mixture"))
    assert not any(same[key] for key in same if key[0] == "separator")
