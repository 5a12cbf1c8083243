"""Dual arrays as a data structure: a value with its tangents, without the rules that act on them."""
