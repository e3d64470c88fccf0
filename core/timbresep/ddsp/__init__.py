"""The instrument model: an autoencoder of differentiable signal processing (DDSP).

Engel, Hantrakul, Gu, Roberts: "DDSP: Differentiable Digital Signal Processing", ICLR 2020.
"""
