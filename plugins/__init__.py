"""Bundled plugins. Nothing here imports another plugin; `core` imports nothing from here."""
