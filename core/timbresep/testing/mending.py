"""What a plugin's author can do about each check that fails."""

from __future__ import annotations

MENDING = {
    # instruments
    "test_its_files_are_there": "docs/guides/add-an-instrument.md lists the files of a plugin; "
    "`new instrument` writes all of them",
    "test_it_has_a_card": "write README.md with the heading '# <name>': what it is, what it was "
    "made of, how good it is",
    "test_its_licences_are_there": "write 'licences:' into instrument.yaml: 'weights', one line, "
    "and 'data', a line for each source of recordings",
    "test_its_recipe_can_be_read": "docs/reference/recipe-yaml.md has the keys of recipe.yaml; "
    "'use' names at least one source",
    "test_its_voice_loads": "restore ddsp.safetensors, or train it again with `ddsp train` and "
    "then run `condition build`",
    "test_its_condition_is_that_of_its_voice": "run `condition build` with the plugin's folder",
    "test_its_condition_keeps_the_contract": "run `condition build` with the plugin's folder",
    "test_its_harmonics_are_shares_and_end_at_nyquist": "train the voice again with `ddsp train`; "
    "is f0_range in instrument.yaml right, in Hz?",
    "test_its_note_lasts_and_sounds_at_its_pitch": "train the voice longer, or on more notes; is "
    "f0_range in instrument.yaml the range that it was trained on?",
    "test_a_recording_of_its_voice_ignores_duration_and_gain": "train the voice longer, or on "
    "more notes, from soft to loud",
    "test_its_strokes_are_noise": "an instrument with pitch needs an f0_range in instrument.yaml; "
    "null says that it has none",
    # conditioned networks
    "test_it_declares_the_contract": "set answers, condition_dim, sample_rate, channels, chunk, "
    "context and causal in the constructor, as timbresep.backbone.Backbone says",
    "test_mixtures_of_any_length_are_answered": "pad the mixture to whole frames, and cut the "
    "answer to its length; look for a division by zero or the logarithm of zero",
    "test_swapped_conditions_swap_the_answers": "let the condition act through FiLM on the "
    "features of each instrument, and on nothing else",
    "test_many_instruments_at_once_equal_one_at_a_time": "treat instruments as a batch axis: "
    "nothing may mix or normalise across them",
    "test_mixtures_of_a_batch_do_not_see_each_other": "nothing may mix or normalise across the "
    "batch in eval mode",
    "test_mono_equals_twin_channels": "treat each channel by itself, or the mean of all",
    "test_film_is_there_at_the_start_and_is_the_identity": "make all FiLM layers in the "
    "constructor, let the condition reach the features only through them, and leave their weights "
    "at zero",
    "test_every_parameter_gets_a_gradient": "remove layers that are not used, and detach nothing "
    "on the way to the answer",
    "test_adapting_one_instrument_leaves_the_others_to_the_last_bit": "let conditions reach the "
    "network only through timbresep.film.FiLM, and keep instruments apart",
    "test_its_weights_make_it_again": "keep all state in parameters and buffers; draw nothing at "
    "random in eval mode",
    "test_a_mistyped_argument_is_refused": "name the arguments of `build`, as a dataclass does",
    # networks that separate
    "test_silence_in_silence_out": "scale with the mixture, as a mask does: add no bias to the "
    "waveform",
    "test_its_loss_is_that_of_its_waveforms": "return what timbresep.losses.waveform_loss gives, "
    "in dB, also with a weight of mixture consistency",
    # transcribers
    "test_its_frames_and_pitches_are_those_of_music": "set hop, lowest and pitches in the "
    "constructor; pitches are MIDI numbers, and frames are ceil(samples / hop)",
    "test_it_answers_with_probabilities": "give log odds in `logits`, and leave `forward` as it is",
    "test_its_loss_is_the_cross_entropy_of_its_answers": "leave `loss` as "
    "timbresep.transcriber.Transcriber has it",
    "test_it_learns_a_tone": "start with small weights; is each pitch at its own place in the "
    "answer, counted from lowest?",
    "test_what_is_farther_than_its_context_changes_nothing": "make `context` longer, or the "
    "network narrower in time; centre frame k on sample k · hop",
    # source models
    "test_it_is_what_its_spec_says": "give network and SourceModelSpec the same sources and rate, "
    "and the spec a summary and a licence of one line each",
    "test_sources_are_as_long_as_the_mixture": "pad the mixture to whole frames, and cut the "
    "sources to its length",
    "test_a_louder_mixture_has_louder_sources": "bring the mixture to the level of training, and "
    "the sources back from it",
    "test_chunks_give_what_the_whole_gives": "make `context` longer; normalise over nothing that "
    "is longer than a chunk",
    "test_sources_sum_to_the_mixture": "leave `sums` False, or divide the rest among the sources",
    "test_only_its_own_weights_load": "end `load` with timbresep.source_model.load_weights",
    "test_a_damaged_file_is_refused": "end `load` with timbresep.source_model.load_weights",
}
"""Name of a check → what to do, in one line."""
