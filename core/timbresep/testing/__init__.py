"""What a plugin has to keep, as tests that a plugin's author runs: one class a kind of plugin.

A plugin's test is a subclass that says what is tested; pytest runs what it inherits.
"""

from timbresep.testing.backbone import BackboneConformance as BackboneConformance
from timbresep.testing.instrument import InstrumentConformance as InstrumentConformance
from timbresep.testing.source_model import SourceModelConformance as SourceModelConformance
from timbresep.testing.transcriber import TranscriberConformance as TranscriberConformance
