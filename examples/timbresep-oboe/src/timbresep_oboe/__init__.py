"""The instrument `oboe`: the files beside this one; the entry point leads here."""
