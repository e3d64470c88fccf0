"""Datasets as they lie on disk: one adapter for each kind, all of which find the same things."""
