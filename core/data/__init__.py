"""Training data: recipes, sources of tracks, rendering and the mixer."""
