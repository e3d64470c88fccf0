"""How audio files are opened: what a file is, what its header promises, and who decodes it."""
