"""Numbers with tangents and elementary functions: what definitions compute with, on processors and devices."""
