"""Results -> terminal and one self-contained HTML page.

Everything here reads plain JSON documents (`wellkeeper.audit/1`, `wellkeeper.curate/1`) and nothing else,
so that the report of an old run can be drawn anew. A section without data says so in a sentence.
"""

from wellkeeper.report.html import render_html
from wellkeeper.report.terminal import audit_lines, curation_lines, print_audit, print_curation

__all__ = ["audit_lines", "curation_lines", "print_audit", "print_curation", "render_html"]
