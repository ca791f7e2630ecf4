"""One data set, or two, and what follows from the numbers; it knows neither asv's files nor any page."""
