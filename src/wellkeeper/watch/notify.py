"""Tell a webhook of an alarm. The address is a secret, as it is with most chats: it is never shown."""

import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from wellkeeper.errors import InputError, WorkError
from wellkeeper.watch.timeline import SCHEMA, Series, Timeline

TIMEOUT = 10.0
"""Seconds to wait for the webhook."""


def message_of(timeline: Timeline, alarms: tuple[Series, ...]) -> dict[str, Any]:
    """What is posted: the timeline's head, the alarms, and `text`, which chats show."""
    return {
        "schema": f"{SCHEMA}#alarm",
        "text": f"{timeline.name}: {timeline.headline} {timeline.next_step}",
        "name": timeline.name,
        "verdict": timeline.verdict,
        "headline": timeline.headline,
        "next_step": timeline.next_step,
        "week": timeline.weeks[-1].number if timeline.weeks else 0,
        "alarms": [
            {
                "metric": one.metric,
                "label": one.label,
                "since": None if one.change is None else one.change.date,
            }
            for one in alarms
        ],
    }


def address_in(variable: str) -> str:
    """The webhook's address, from an environment variable.

    Raises:
        InputError: it is not set, or no address of the web.
    """
    address = os.environ.get(variable, "").strip()
    if not address:
        raise InputError(f"{variable} is not set, and it is to hold the webhook's address. Set it.")
    try:
        parts = urlsplit(address)
        usable = (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and address.isprintable()
            and " " not in address
        )
    except ValueError:
        usable = False
    if not usable:
        raise InputError(f"{variable} holds no address of the web. Set it to one that begins with https://.")
    return address


def post(address: str, message: Mapping[str, Any], *, timeout: float = TIMEOUT) -> None:
    """Post a message as JSON.

    Raises:
        WorkError: the webhook cannot be reached, or does not take it.
    """
    request = urllib.request.Request(  # noqa: S310  `address_in` lets http and https through alone
        address,
        data=json.dumps(message).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "wellkeeper"},
        method="POST",
    )
    try:
        with _OPENER.open(request, timeout=timeout):
            pass
    except urllib.error.HTTPError as error:
        error.close()
        raise WorkError(
            f"The webhook answered {error.code}. Check its address; the alarm is told again with the next run."
        ) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = getattr(error, "reason", error)
        raise WorkError(
            f"The webhook cannot be reached ({type(why).__name__}). Check its address and the network; the alarm is "
            "told again with the next run."
        ) from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect might lead to another scheme or host; it counts as an answer that is none."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)
