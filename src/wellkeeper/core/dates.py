"""When a document was captured, how that is known, and the line before which chat models wrote nothing."""

from datetime import UTC, datetime
from enum import IntEnum

CHATGPT_RELEASE = datetime(2022, 11, 30, tzinfo=UTC)
"""Public release of ChatGPT. Text captured earlier by a third party cannot be chat-model output; text of
earlier models (GPT-2, GPT-3, 2019 to 2022) exists and is rare."""


class DateBasis(IntEnum):
    """How a capture date is known, least trustworthy first."""

    NONE = 0
    PAGE_CLAIMED = 1  # the document's own metadata; its author can set it
    USER = 2  # the user vouches for the column or the source
    HTTP = 3  # Last-Modified of the serving host
    WARC = 4  # an archive's own capture record

    @property
    def label(self) -> str:
        return self.name.lower().replace("_", "-")
