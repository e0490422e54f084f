"""How long people wait for the warehouse: analysts' questions and whoever looks at a person, in two layouts."""
