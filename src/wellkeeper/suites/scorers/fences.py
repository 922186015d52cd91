"""Blocks between fences, as models write code and data into an answer."""

import re
from dataclasses import dataclass

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^\n]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What stands between two fences."""

    language: str  # as the fence says, in lower case; "": it does not say
    text: str


def fenced_blocks(text: str) -> list[Block]:
    r"""The blocks of an answer in their order; one that is never closed goes to the end.

    >>> fenced_blocks("So:\n```python\nx = 1\n```\nDone.")
    [Block(language='python', text='x = 1\n')]
    """
    blocks = []
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif not fence[2] and fence[1].startswith(opened[1]):
            blocks.append(_block(opened, text[opened.end() + 1 : fence.start()]))
            opened = None
    if opened is not None:
        blocks.append(_block(opened, text[opened.end() + 1 :]))
    return blocks


def _block(opened: re.Match[str], text: str) -> Block:
    return Block(language=opened[2].lower(), text=text)
