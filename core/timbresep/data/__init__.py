"""Training data: from recipes to mixtures.

`sources` find and prepare tracks of datasets, `rendering` makes some from scores, `build` gathers
both for the instruments asked for, `mixing` makes mixtures of them; `extras` are instruments
without a plugin.
"""
