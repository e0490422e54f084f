"""A JSON Schema of definitions for editors: what it refuses `reading` refuses as well, and much that it cannot say."""

from definitions.schema.building import schema_text

__all__ = ["schema_text"]
