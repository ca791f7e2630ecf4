"""What people run: the command line, the test data, the local STAC API, the report."""
