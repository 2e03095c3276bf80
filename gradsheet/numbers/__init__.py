"""Numbers: as printed, enclosed between two bounds, in floats with their error;
slips of the pen."""
