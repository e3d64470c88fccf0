"""`oboe` keeps what every instrument promises."""

from pathlib import Path

from timbresep.testing import InstrumentConformance

import timbresep_oboe


class TestInstrument(InstrumentConformance):
    """The conformance kit, on this instrument."""

    folder = Path(timbresep_oboe.__file__).parent
