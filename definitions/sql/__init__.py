"""The model compiled to ClickHouse SQL over events as they lie in the warehouse; who asks it is left to `warehouse`."""

from definitions.sql.events import called
from definitions.sql.program import Compiler, Scope, Source, narrowed
from definitions.sql.states import States, StatesQuery
from definitions.sql.values import VALUE_OF

__all__ = ["VALUE_OF", "Compiler", "Scope", "Source", "States", "StatesQuery", "called", "narrowed"]
