"""The public functions: checks of their arguments, then a call of their kind."""
