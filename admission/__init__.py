"""What makes a call or a record an event that Onefold takes, whichever way it comes in.

JSON text in and out, the repair of what is odd in it, identifiers in one spelling. Leaves to the ways in what their
fields mean.
"""
