"""What answers cost: tokens and money, what one more may cost at most, and budgets that refuse it beforehand."""

import math
from dataclasses import dataclass
from typing import Self

from wellkeeper.core.answers import Output, Prompt
from wellkeeper.errors import InputError, WorkError

_MILLION = 1_000_000
_A_MESSAGE = (
    16  # tokens of a template around one message; ChatML, of the longest, has 5 and the name of the role
)
_A_TEMPLATE = 64  # tokens that a template adds by itself, such as SmolLM2's own system message of 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call or of many."""

    prompt_tokens: int = 0
    tokens: int = 0  # written

    @property
    def total(self) -> int:
        return self.prompt_tokens + self.tokens

    def __add__(self, other: Self) -> "Usage":
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens, tokens=self.tokens + other.tokens
        )

    @classmethod
    def of(cls, output: Output, most: Self) -> "Usage":
        """What an answer used; where its server does not say, the most that it may have."""
        return Usage(
            prompt_tokens=most.prompt_tokens if output.prompt_tokens is None else output.prompt_tokens,
            tokens=most.tokens if output.tokens is None else output.tokens,
        )


def most_of(prompt: Prompt, tokens: int) -> Usage:
    """The most that a call can use, for a tokeniser nobody knows: no token is shorter than a byte.

    English has some four bytes a token, so that this is about four times what a long prompt takes.
    """
    texts = [prompt] if isinstance(prompt, str) else [message["content"] for message in prompt]
    letters = sum(len(text.encode(errors="replace")) for text in texts)
    return Usage(prompt_tokens=letters + _A_MESSAGE * len(texts) + _A_TEMPLATE, tokens=tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Money for a million tokens, in any currency."""

    prompt: float
    answer: float

    def __post_init__(self) -> None:
        if not (0 <= self.prompt < math.inf and 0 <= self.answer < math.inf):
            raise InputError(
                f"A price of {self.prompt} and {self.answer} is none. Give what a million tokens of prompts and of "
                "answers cost, 0 or more."
            )

    def of(self, usage: Usage) -> float:
        return (usage.prompt_tokens * self.prompt + usage.tokens * self.answer) / _MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that a model's answers in one cache may cost, over all runs; None: no limit."""

    tokens: int | None = None  # of prompts and answers together
    money: float | None = None
    price: Price | None = None

    def __post_init__(self) -> None:
        # Click reads "nan", and no sum is above it: such a budget would never end.
        if self.money is not None and not 0 < self.money < math.inf:
            raise InputError(
                f"A budget of {self.money} is none. Give an amount of money above 0, or leave it out for no limit."
            )
        if self.money is not None and self.price is None:
            raise InputError(
                "A budget of money was given without a price. Give the price of a million tokens, too."
            )

    def check(self, spent: Usage, most: Usage) -> None:
        """Refuse a call that may pass the budget.

        Raises:
            WorkError: it may.
        """
        if self.tokens is not None and spent.total + most.total > self.tokens:
            raise _too_much(
                f"{self.tokens:,} tokens",
                f"{spent.total:,} are spent",
                f"the next call may take {most.total:,}",
            )
        if self.money is not None and self.price is not None and self.price.of(spent + most) > self.money:
            raise _too_much(
                f"{self.money:.4f}",
                f"{self.price.of(spent):.4f} is spent",
                f"the next call may cost {self.price.of(most):.4f}",
            )


def _too_much(budget: str, spent: str, most: str) -> WorkError:
    return WorkError(
        f"The budget of {budget} ends here: {spent}, and {most}. Answers so far are kept: raise the budget and run the "
        "same command again to go on."
    )
