"""timbresep's core: contracts, training and separation; it names no instrument and no plugin."""

import os

# Threads that wait by spinning stall recurrent layers for seconds on a machine that is busy with
# other things; OpenMP reads this when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
