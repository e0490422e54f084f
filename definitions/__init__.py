"""The definitions language: YAML is read into a checked model, and the model compiled for the streams; no state."""

from definitions.errors import DefinitionError, DefinitionErrors
from definitions.model import Definitions, Destination, Segment
from definitions.reading.folder import load
from definitions.streaming.accumulators import Accumulator
from definitions.streaming.conditions import NEVER, Evaluation
from definitions.streaming.program import CompiledSegment, Program, compile_program

__all__ = [
    "NEVER",
    "Accumulator",
    "CompiledSegment",
    "DefinitionError",
    "DefinitionErrors",
    "Definitions",
    "Destination",
    "Evaluation",
    "Program",
    "Segment",
    "compile_program",
    "load",
]
