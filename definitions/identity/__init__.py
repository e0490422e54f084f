"""Who may be whom: the rules of identifiers. Pure; `definitions.reading.identity` reads them from YAML."""
