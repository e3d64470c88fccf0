"""timbresep's core: contracts, training and separation; it names no instrument and no plugin."""

__version__ = "0.1.0"
