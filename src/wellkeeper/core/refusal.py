"""How models decline to answer."""

import re

_REFUSAL = re.compile(
    r"\A\W*(?:"
    r"(?:(?:(?:i['\u2019]?m |i am )?(?:very |really |so )?sorry|i apologi[sz]e|unfortunately),? )?(?:but )?"
    r"i(?: can(?:not|['\u2019]?t)| won['\u2019]?t|(?:['\u2019]m| am) (?:unable|not able) to) (?:be able to )?"
    r"(?:help|assist|provide|fulfil|comply|create|generate|produce|write|rewrite|continue|complete|summari[sz]e|"
    r"condense|discuss|engage|answer|do (?:that|this))|"
    r"(?:sorry, )?i (?:must|have to) (?:respectfully )?decline|"
    r"as an ai\b|as a (?:large )?language model)",
    re.IGNORECASE,
)
"""How a model declines. People begin with "I'm sorry for" and "I can't believe" too: a verb of the task must follow."""


def is_refusal(answer: str, finish: str) -> bool:
    """Whether an answer declines to answer."""
    return finish in {"refusal", "content_filter"} or _REFUSAL.search(answer) is not None
