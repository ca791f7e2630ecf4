"""A page as Markdown, as HTML, or on a terminal; results as JSON and as a plot."""

from .json_file import read as read
from .json_file import write as write
from .page import report_page as report_page
from .plot import draw as draw
from .templates import render_html as render_html
from .templates import render_markdown as render_markdown
from .terminal import show as show
