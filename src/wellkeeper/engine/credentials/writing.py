"""C2PA credentials put into images, sound, film and documents that a model made, by c2pa-python.

No thumbnail is made: it would take some twenty times as long as the rest and multiply the size of a picture. No
time stamp is asked for, since that would open the network: a credential counts as long as its certificate does.
"""

import io
import json
from typing import Literal

from wellkeeper import __version__
from wellkeeper.engine.credentials.media import c2pa_library, media_type_of
from wellkeeper.errors import InputError

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def writable_type_of(name: str) -> str | None:
    """The media type that a file's name promises, if a credential can be put into such a file; else None.

    Raises:
        MissingExtraError: the extra `c2pa` is not installed.
    """
    promised = media_type_of(name)
    return promised if promised in c2pa_library().Builder.get_supported_mime_types() else None


def sign_media(
    data: bytes,
    media_type: str,
    *,
    source_type: str,
    generator: str,
    revision: str | None,
    certificates: bytes,
    key: bytes,
    algorithm: Literal["es256", "ed25519"],
) -> bytes:
    """The file with a manifest that says what made it.

    Args:
        data: the whole file.
        media_type: as `writable_type_of` gives it.
        source_type: a term of IPTC's digital source types.
        generator: the model.
        revision: of the model, if it has one.
        certificates: PEM chain, the signer's own first.
        key: PEM of the private key that the signer's certificate is for.
        algorithm: what the key signs with.

    Raises:
        InputError: the library refuses the file, the chain or the key.
        MissingExtraError: the extra `c2pa` is not installed.
    """
    c2pa = c2pa_library()
    agent = {"name": generator, **({"version": revision} if revision else {})}
    created = {
        "action": "c2pa.created",
        "digitalSourceType": SOURCE_TYPES + source_type,
        "softwareAgent": agent,
    }
    manifest = {
        "claim_generator_info": [{"name": "wellkeeper", "version": __version__}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }
    settings = c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    target = io.BytesIO()
    try:
        info = c2pa.C2paSignerInfo(algorithm.encode(), certificates, key, None)
        with (
            c2pa.Context(settings) as context,
            c2pa.Builder(json.dumps(manifest), context) as builder,
            c2pa.Signer.from_info(info) as signer,
        ):
            builder.sign(signer, media_type, io.BytesIO(data), target)
    except c2pa.C2paError as error:
        raise InputError(
            f"No credential can be put into the file: {error}. Check that the certificates are a chain for signing "
            "claims, the signer's own first, and that the key is theirs."
        ) from None
    return target.getvalue()
