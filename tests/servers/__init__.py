"""Servers of other people, started for tests on a free port and gone afterwards."""
