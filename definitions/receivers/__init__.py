"""What a destination's file says of its receiver: a module for each kind, with its options, limits and preset mapping.

How to send is left to the module of the same name in `sinks.destinations`. The YAML reader, the editors' schema and the
reference are made from these structs: a field is a key of the file, its type says what may stand there.
"""
