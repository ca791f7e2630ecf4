"""A page as Markdown, as HTML, or on a terminal; results as JSON and as a plot."""

from .html import render_html as render_html
from .json_file import read as read
from .json_file import write as write
from .json_file import write_change as write_change
from .markdown import environments_in_markdown as environments_in_markdown
from .markdown import render_markdown as render_markdown
from .page import change_page as change_page
from .page import report_page as report_page
from .plot import draw as draw
from .terminal import show as show
