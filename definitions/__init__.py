"""The definitions language: YAML is read into a checked model, which is compiled for the streams and to SQL.

Keeps no state: sets of definitions are on the topic of `sets.topic`, and what is remembered is left to `streams.fold`.
"""

from definitions.destinations import Destination
from definitions.errors import DefinitionError, DefinitionErrors
from definitions.model import Definitions, Segment
from definitions.reading.folder import load
from definitions.streaming.accumulators import CompiledAccumulator
from definitions.streaming.items import CompiledSegment, CompiledTrait, Item
from definitions.streaming.program import Program, compile_program
from definitions.streaming.subject import NEVER, SESSION, Evaluation, Value
from definitions.streaming.triggers import CompiledTrigger

__all__ = [
    "NEVER",
    "SESSION",
    "CompiledAccumulator",
    "CompiledSegment",
    "CompiledTrait",
    "CompiledTrigger",
    "DefinitionError",
    "DefinitionErrors",
    "Definitions",
    "Destination",
    "Evaluation",
    "Item",
    "Program",
    "Segment",
    "Value",
    "compile_program",
    "load",
]
