"""A page as Markdown, as HTML, or on a terminal; results as JSON and as a plot."""
