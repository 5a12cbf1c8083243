"""What definitions compute with, shared by processors and devices: numbers with tangents and elementary functions."""
