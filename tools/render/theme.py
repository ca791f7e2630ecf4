"""The colours and the style of a picture, for a light and a dark page."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Theme:
    """Colours; the data are in Okabe and Ito's palette, which colour-blind readers can tell apart."""

    background: str
    ink: str
    quiet: str
    faint: str
    band: str
    throughput: str
    speedup: str
    recommended: str
    peer: str

    @property
    def style(self) -> Any:
        return {
            "font.size": 9.5,
            "text.color": self.ink,
            "axes.edgecolor": self.quiet,
            "axes.facecolor": self.background,
            "axes.labelcolor": self.ink,
            "xtick.color": self.ink,
            "ytick.color": self.ink,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "legend.handletextpad": 0.4,
            "legend.borderaxespad": 0.1,
            "figure.constrained_layout.w_pad": 0.12,
            "figure.constrained_layout.h_pad": 0.08,
            "svg.hashsalt": "report",
            # Titles hold names of files, in which a dollar sign is a dollar sign.
            "text.parse_math": False,
        }


LIGHT = Theme("white", "#222222", "#666666", "#E4E4E4", "#F1F1F1", "#0072B2", "#D55E00", "#009E73", "#8A5A83")
DARK = Theme("#16181D", "#E6E6E6", "#A0A4AB", "#2C3038", "#22252C", "#56B4E9", "#E69F00", "#2FCB9C", "#CC99C4")
