"""A page as Markdown, as HTML, or on a terminal; results as JSON and as a plot."""

from .html import render_html as render_html
from .json_file import read as read
from .json_file import write as write
from .markdown import render_markdown as render_markdown
from .page import report_page as report_page
from .plot import draw as draw
from .terminal import show as show
