"""Measuring what a user names, until enough is known or the time is spent."""
