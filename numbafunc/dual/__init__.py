"""Dual arrays, and the tapes of reverse mode: values with their tangents, without the rules that act on them."""
