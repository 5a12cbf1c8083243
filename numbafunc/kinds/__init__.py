"""The kinds of op: what an op declares, how its arguments are checked and which back end runs it."""
