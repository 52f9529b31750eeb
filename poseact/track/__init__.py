"""Who is who over time, and who matters: linking, stitching, filling of gaps, the person of interest. No files."""

from poseact.track.gaps import fill_gaps
from poseact.track.link import link, most_prominent
from poseact.track.person import RULES, Figures, Selection, select

__all__ = ["RULES", "Figures", "Selection", "fill_gaps", "link", "most_prominent", "select"]
