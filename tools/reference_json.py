"""What `--json` prints, command by command; `reference_pages` puts it on the page of commands."""

from __future__ import annotations

ABOUT = """\
## What `--json` prints

One JSON text on stdout, and nothing else there: what is said to people goes to stderr. Numbers are
numbers, in the unit that a key's name ends with (`_s`: seconds, `_db`: decibels), times without one
are in seconds, and pitches are MIDI numbers. What is not known is null.

"""

PRINTED = {
    "list": "a list of `kind`, `name`, `status`, `owner`, `detail`: a plugin, separator or "
    "transcriber each",
    "check": "a list of `kind`, `name`, `passed`, `checks` (each `check`, `promise`, `status`, "
    "`found`, `mend`), `advice`: a plugin each",
    "listen": "a list of `file`, `seconds`, `instruments` (each `name`, `level_db`, `plays`, and "
    "where notes are heard `sounding_s`, `notes`): a file each",
    "notes": "a list of `file`, `output`, `seconds`, `computing_s`, `instruments` (each `name`, "
    "`notes`: how many, `lowest`, `highest`), `remarks`: a file each",
    "evaluate": "`summary`, `mean`, `instruments`, `rows` and all else that scores.json holds, and "
    "with `--significance` `intervals`",
    "ablate": "`checkpoint`, `source_model`, `conditioning`, `data`, `score`, `shuffle_seed`, "
    "`mean`, `instruments` (each with scores by condition), as in ablation.json, and `skipped`",
    "condition show": "`conditions` (instrument → part of the vector → values), `similarities` "
    "(instrument → instrument → cosine)",
    "condition compare": "`similarities`, as above",
    "train": "`best`, `last`: checkpoints, `steps`, `answers`: audio or notes, `instruments`, "
    "`scores` (instrument → score on the validation tracks), `notes`: remarks",
    "adapt": "the same as `train`",
    "ddsp train": "`report` (`steps`, `seconds`, `first_loss`, `last_loss`, …), `likeness` "
    "(`loss`, `f0_cents`, `loudness_db`, `seconds`) of the solos held out, `run`: its folder",
    "data check": "`sources` (each `source`, `dataset`, `folder`, `tracks` by side, `minutes`, "
    "`skipped`, `licences`, `pending`, `problems`), `instruments` (name → `tracks` and `minutes` "
    "by side), `damaged`: stems that cannot be decoded, `remarks`",
    "models": "a list of `name`, `summary`, `sources`, `sample_rate` in Hz, `bytes`, `licence`, "
    "`ready`, `state`: a source model each",
    "score align": "`agreement` and `confidence` from 0 to 1, `cost`, `found`: first and last "
    "second, `duration`, `tuning` in cents, `transposition` in semitones, `left_out`: notes, "
    "`unsure`: from where to where, `written` → `sounding`: times that belong together",
    "score show": "`duration`, `parts` (each `part`, `name`, `notes`: how many, `range`, "
    "`program`, `seconds`: from where to where, `pitched`, `instrument`, `stem`, `reason`, "
    "`outside`: notes that it cannot play), `assumed`",
}


def rows() -> list[tuple[str, str]]:
    """Command and what it prints."""
    return [(f"`{command}`", told) for command, told in PRINTED.items()]
