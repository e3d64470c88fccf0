"""Training data: from recipes to mixtures.

`sources` find and prepare tracks of datasets, `rendering` makes some from scores, `build` gathers
both for the instruments asked for, `mixing` makes mixtures of them. `extras` renders tracks with
instruments that no plugin is for.
"""
