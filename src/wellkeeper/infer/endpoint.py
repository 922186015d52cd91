"""A model behind an OpenAI-compatible endpoint, as a sampler: tried again, paced, and seeded for each request.

The client is the package's only one (`wellkeeper.engine.completions`): what it does about keys, redirects and errors
holds here too.
"""

import hashlib
import json

from wellkeeper.core.answers import Output, Prompt
from wellkeeper.engine.completions import AT_ONCE, Client, Endpoint, Question, RejectedError
from wellkeeper.infer.cost import Usage, most_of
from wellkeeper.infer.pace import Pace, Rate
from wellkeeper.infer.sampling import TOKENS, Stopwatch, drawn, output_of, rejected


class EndpointSampler:
    """Asks one endpoint: a `Sampler`."""

    def __init__(
        self, endpoint: Endpoint, *, tokens: int = TOKENS, at_once: int = AT_ONCE, rate: Rate | None = None
    ) -> None:
        """A sampler of an endpoint.

        Args:
            endpoint: from `Endpoint.at`; its own seed is not used.
            tokens: most of one answer.
            at_once: requests under way at the same time.
            rate: most requests and tokens a minute.
        """
        self.tokens, self.at_once = tokens, at_once
        self._client = Client(endpoint)
        self._pace = Pace(rate or Rate())
        self.fingerprint = hashlib.sha256(json.dumps([endpoint.url, endpoint.model]).encode()).hexdigest()

    def sample(
        self,
        prompt: Prompt,
        n: int = 1,
        temperature: float = 1.0,
        seed: int = 0,
        logprobs: bool = False,  # noqa: FBT001, FBT002
        *,
        first: int = 0,
    ) -> list[Output]:
        """See `Sampler.sample`. A request that the server rejects gives an output that says why."""

        def draw(own_seed: int) -> Output:
            question = Question(
                prompt=prompt, tokens=self.tokens, seed=own_seed, temperature=temperature, logprobs=logprobs
            )
            return self._asked(question, own_seed)

        return drawn(draw, n, seed=seed, first=first)

    def _asked(self, question: Question, seed: int) -> Output:
        most = most_of(question.prompt, question.tokens)
        self._pace.start(most.total)
        watch = Stopwatch()
        try:
            reply = self._client.reply(question)
        except RejectedError as error:
            self._pace.give_back(most.total)
            return rejected(str(error), seed=seed)
        output = output_of(reply, seed=seed, milliseconds=watch.milliseconds(), logprobs=question.logprobs)
        self._pace.give_back(most.total - Usage.of(output, most).total)
        return output

    def stop(self) -> None:
        """End all waiting: for a server, and for a turn."""
        self._client.stop()
        self._pace.stop()
