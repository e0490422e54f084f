"""The model compiled to ClickHouse SQL over events as they lie in the warehouse; who asks it is left to `warehouse`."""

from definitions.sql.events import called
from definitions.sql.program import DefinitionsQuery, Inputs, Scope
from definitions.sql.states import States, StatesQuery
from definitions.sql.values import VALUE_OF

__all__ = ["VALUE_OF", "DefinitionsQuery", "Inputs", "Scope", "States", "StatesQuery", "called"]
