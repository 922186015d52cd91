"""Where a model is, as a person names it, and the sampler that asks it there.

What is kept of a place has no secret in it: of a key, only the name of the variable that holds it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from wellkeeper.engine.completions import AT_ONCE, Endpoint
from wellkeeper.errors import InputError
from wellkeeper.infer.cost import Budget, Price
from wellkeeper.infer.endpoint import EndpointSampler
from wellkeeper.infer.local import GgufSampler
from wellkeeper.infer.pace import Rate
from wellkeeper.infer.sampling import Sampler


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlace:
    """An endpoint, a GGUF file or a folder of transformers: one of the three."""

    endpoint: str | None = None  # URL of an OpenAI-compatible server
    model: str | None = None  # what the endpoint calls it
    key_env: str | None = None  # variable with the endpoint's key
    at_once: int | None = None  # requests under way at the same time; None: `AT_ONCE`
    requests_a_minute: float | None = None
    tokens_a_minute: float | None = None
    gguf: str | None = None  # path
    folder: str | None = None  # path

    def __post_init__(self) -> None:
        given = [name for name in ("endpoint", "gguf", "folder") if getattr(self, name) is not None]
        if len(given) != 1:
            said = " and ".join(f"--{name}" for name in given) or "none"
            raise InputError(
                f"Of the ways to name a model, {said} was given. Give one: --endpoint URL --model NAME, --gguf FILE or "
                "--folder DIR."
            )
        if self.endpoint is not None and not self.model:
            raise InputError("An endpoint was given without a model. Name one that it serves with --model.")
        if self.endpoint is None:
            self._refuse_what_endpoints_have()

    def _refuse_what_endpoints_have(self) -> None:
        for name in ("model", "key_env", "at_once", "requests_a_minute", "tokens_a_minute"):
            if getattr(self, name) is not None:
                raise InputError(
                    f"--{name.replace('_', '-')} is for endpoints, and a model on this machine was given. Leave it "
                    "out, or give --endpoint."
                )

    @classmethod
    def of(cls, options: Mapping[str, Any], *, prefix: str = "") -> Self:
        """The place that options of a command name; other options are left alone.

        Args:
            options: by name, such as `key_env`.
            prefix: of those that are meant, such as "judge_".

        Raises:
            InputError: they name no model, or two.
        """
        try:
            return cls(**{field.name: options.get(prefix + field.name) for field in fields(cls)})
        except InputError as error:
            raise InputError(str(error).replace("--", f"--{prefix.replace('_', '-')}")) from None

    @classmethod
    def of_judge(cls, options: Mapping[str, Any]) -> Self | None:
        """As `of`, for the options of a judge; None where there are none."""
        return cls.of_other(options, "judge_")

    @classmethod
    def of_other(cls, options: Mapping[str, Any], prefix: str) -> Self | None:
        """As `of`, for the options of another model than the first; None where there are none."""
        given = any(options.get(prefix + field.name) is not None for field in fields(cls))
        return cls.of(options, prefix=prefix) if given else None

    @property
    def name(self) -> str:
        """What a run calls the model."""
        if self.gguf is not None:
            return Path(self.gguf).stem
        return self.model or Path(self.folder or "").resolve().name

    def to_json(self) -> dict[str, Any]:
        """What was given of it, which `ModelPlace(**...)` reads back."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @contextmanager
    def sampler(self, *, tokens: int) -> Iterator[Sampler]:
        """A sampler of the model, whose memory is freed at the end.

        Args:
            tokens: most of one answer.

        Raises:
            InputError: the address is none, the key is not set, or the path holds no model.
            MissingExtraError: what runs the model is not installed.
        """
        sampler, close = self._opened(tokens)
        try:
            yield sampler
        finally:
            close()

    def _opened(self, tokens: int) -> tuple[Sampler, Callable[[], None]]:
        if self.gguf is not None:
            gguf = GgufSampler(_path(self.gguf), tokens=tokens)
            return gguf, gguf.close
        if self.folder is not None:
            from wellkeeper.infer.folder import FolderSampler

            folder = FolderSampler(_path(self.folder), tokens=tokens)
            return folder, folder.close
        assert self.endpoint is not None
        assert self.model is not None
        endpoint = EndpointSampler(
            Endpoint.at(self.endpoint, self.model, key_env=self.key_env),
            tokens=tokens,
            at_once=self.at_once or AT_ONCE,
            rate=Rate(requests=self.requests_a_minute, tokens=self.tokens_a_minute),
        )
        return endpoint, endpoint.stop


def _path(given: str) -> Path:
    path = Path(given)
    if not path.exists():
        raise InputError(
            f"{path} does not exist. Give the path of a GGUF file or of a folder of transformers."
        )
    return path


def budget_of(options: Mapping[str, Any]) -> Budget:
    """The budget that options of a command name: `most_tokens`, `most_money`, `price_prompt` and `price_answer`.

    Raises:
        InputError: one of the two prices was given, or money without them.
    """
    prompt, answer = options.get("price_prompt"), options.get("price_answer")
    if (prompt is None) != (answer is None):
        raise InputError(
            "One of two prices was given. Give both --price-prompt and --price-answer, 0 where it is free."
        )
    price = None if prompt is None or answer is None else Price(prompt=prompt, answer=answer)
    if options.get("most_money") is not None and price is None:
        raise InputError(
            "--most-money was given without prices. Give --price-prompt and --price-answer: what a million tokens cost."
        )
    return Budget(tokens=options.get("most_tokens"), money=options.get("most_money"), price=price)
