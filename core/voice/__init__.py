"""Voices: how an instrument plugin gets its DDSP model, from solos or from Magenta."""
