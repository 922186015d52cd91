"""One picture: decoded with care, and the four fingerprints that find its duplicates.

Files come from strangers. Only the formats named here are tried, whatever else the decoder could read, and a picture of
more pixels than Pillow's limit is refused before any of them is decoded.
"""

import hashlib
import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import MissingExtraError

if TYPE_CHECKING:
    from PIL import Image

MEDIA_TYPES: Mapping[str, str] = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # several pictures in one JPEG file, as phones write them
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "AVIF": "image/avif",
}
"""Formats that are read, by their names in Pillow, with their media types."""

_OPENED = tuple(name for name in MEDIA_TYPES if name != "MPO")  # which Pillow finds out of a JPEG by itself

_SHRUNK, _LOW = 32, 8  # pixels a side, and frequencies either way: those of the perceptual hash
_ROUNDING = 1e-6  # energy that a picture of one colour is left with by the arithmetic
GREY_SIDE, COLOUR_SIDE = 16, 4
MINIATURE_BYTES = GREY_SIDE**2 + 2 * COLOUR_SIDE**2
_GREY = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})  # modes that RGBA holds without loss
_DEEP = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})  # more than eight bits of grey
_STRIP_PIXELS = 1 << 20
_ORIENTATION = 0x0112  # Exif 3.0, 4.6.5.1.6
_OVER = (255, 255, 255, 255)  # what shows through where a picture is transparent


class PictureError(Exception):
    """A picture that cannot be read; the code is one of quarantine, the message what was found."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprints:
    """What finds the duplicates of a picture, all of it taken with the picture turned as its EXIF orientation says."""

    pixels: bytes  # SHA-256 of size and decoded pixels, of all frames
    perceptual: int  # 64 bits: signs of the lowest frequencies (pHash of ImageHash)
    difference: int  # 64 bits: whether each pixel of 9 x 8 is darker than its neighbour (dHash)
    contrast: float  # standard deviation of the picture at 32 x 32 grey pixels, in grey levels, 0 to 127.5
    detail: float  # how many of the 63 lowest frequencies share its energy: exp of their entropy, 1 to 63
    miniature: bytes  # 16 x 16 grey pixels, then 4 x 4 of Cb and of Cr: what candidates are compared by


@contextmanager
def careful_decoder() -> Iterator[None]:
    """Make Pillow refuse what it would only warn of, for all threads of a run.

    Raises:
        MissingExtraError: Pillow or ImageHash is not installed.
    """
    try:
        import imagehash  # noqa: F401
        from PIL import Image
    except ImportError:
        raise MissingExtraError("Reading images", extra="images") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of odd metadata: the signals say what could be read
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def opened(data: bytes) -> "Image.Image":
    """The picture with its header read and no pixel decoded.

    Raises:
        PictureError: it is no picture of a known format, or claims more pixels than are decoded.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(io.BytesIO(data), formats=_OPENED)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(
            "image-too-large", f"it claims more than the {Image.MAX_IMAGE_PIXELS:,} pixels that are decoded"
        ) from None
    except UnidentifiedImageError:
        raise PictureError("image-format", _format_problem(data)) from None
    except Exception as error:  # noqa: BLE001  a decoder meets damage that nobody foresaw
        raise PictureError("image-broken", f"its header cannot be read: {_told(error)}") from None


def _format_problem(data: bytes) -> str:
    if not data:
        return "it is empty"
    return (
        f"it is none of the formats that are read ({', '.join(_OPENED)}), or its header is damaged; it starts with "
        f"{data[:8].hex(' ')}"
    )


def fingerprints(image: "Image.Image") -> Fingerprints:
    """Decode the picture and take its fingerprints; the perceptual ones are of its first frame.

    Raises:
        PictureError: the pixels end early or cannot be decoded.
    """
    import imagehash
    from PIL import Image

    try:
        digest = _digest_of_frames(image)
        image.seek(0)
        upright = _as_seen(image)
        grey = upright.convert("L")
        small = grey.resize((_SHRUNK, _SHRUNK), Image.Resampling.LANCZOS)
        values = np.asarray(small, np.float64)
        return Fingerprints(
            pixels=digest,
            perceptual=_word(
                imagehash.phash(small)
            ),  # which would make the same small picture of a large one
            difference=_word(imagehash.dhash(grey)),
            contrast=float(values.std()),
            detail=_detail(values),
            miniature=_miniature(upright, small),
        )
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError("image-too-large", _told(error)) from None
    except MemoryError:
        raise PictureError("image-too-large", "there is not enough memory for its pixels") from None
    except Exception as error:  # noqa: BLE001  as above
        code = "image-truncated" if "truncated" in str(error) else "image-broken"
        raise PictureError(code, f"its pixels cannot be decoded: {_told(error)}") from None


def _digest_of_frames(image: "Image.Image") -> bytes:
    """SHA-256 of the size, the number of frames and the pixels of each, in a form that no file format tells apart."""
    from PIL import Image

    frames = int(getattr(image, "n_frames", 1))
    limit, pixels = Image.MAX_IMAGE_PIXELS or np.inf, 0
    state = hashlib.sha256()
    for frame in range(frames):
        image.seek(frame)
        pixels += image.width * image.height
        if frame and pixels > limit:  # of a long film the first frames and the number of all stand for it
            break
        image.load()
        upright = _turned(image)
        mode = "RGBA" if upright.mode in _GREY else upright.mode
        state.update(f"{frames} {mode} {upright.width} {upright.height}\n".encode())
        for strip in _strips(upright):
            state.update((strip if strip.mode == mode else strip.convert(mode)).tobytes())
    return state.digest()


def _strips(image: "Image.Image") -> "Iterator[Image.Image]":
    """The picture from top to bottom in pieces, so that the pixels of a large one are not copied whole."""
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _turned(image: "Image.Image") -> "Image.Image":
    """The picture as EXIF says that it is to be looked at; itself where there is nothing to turn."""
    if image.getexif().get(_ORIENTATION, 1) == 1:
        return image
    from PIL import ImageOps

    return ImageOps.exif_transpose(image)


def _as_seen(image: "Image.Image") -> "Image.Image":
    """The picture as a person sees it: turned, on white, and with eight bits a channel."""
    turned = _turned(image)
    if turned.mode in _DEEP:
        return _stretched(turned)
    return _over_white(turned) if turned.has_transparency_data else turned


def _stretched(image: "Image.Image") -> "Image.Image":
    """A grey picture of more than eight bits, its darkest pixel black and its lightest white."""
    from PIL import Image

    values = np.nan_to_num(np.asarray(image, np.float64))
    low, high = values.min(), values.max()
    return Image.fromarray(((values - low) / max(high - low, 1e-9) * 255).astype(np.uint8))


def _miniature(upright: "Image.Image", small: "Image.Image") -> bytes:
    from PIL import Image

    light = small.resize((GREY_SIDE, GREY_SIDE), Image.Resampling.LANCZOS)
    colours = upright.convert("RGB").resize((COLOUR_SIDE, COLOUR_SIDE), Image.Resampling.BOX).convert("YCbCr")
    return light.tobytes() + colours.getchannel("Cb").tobytes() + colours.getchannel("Cr").tobytes()


def _detail(small: NDArray[np.float64]) -> float:
    """How evenly the energy of 32 x 32 grey pixels lies on its lowest frequencies, the mean left out."""
    energy = ((_FREQUENCIES @ small @ _FREQUENCIES.T) ** 2).reshape(-1)[1:]
    if energy.sum() < _ROUNDING:
        return 1.0
    share = energy / energy.sum()
    return float(np.exp(-np.sum(share * np.log(np.maximum(share, 1e-300)))))


def _cosines() -> NDArray[np.float64]:
    """The first frequencies of the discrete cosine transform (type II) of `_SHRUNK` values, one a row."""
    angle = np.pi * np.arange(_LOW)[:, None] * (2 * np.arange(_SHRUNK)[None, :] + 1) / (2 * _SHRUNK)
    return np.where(np.arange(_LOW)[:, None] == 0, np.sqrt(0.5), 1.0) * np.cos(angle)


_FREQUENCIES = _cosines()


def _over_white(image: "Image.Image") -> "Image.Image":
    from PIL import Image

    above = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", above.size, _OVER), above)


def _word(found: Any) -> int:
    """A hash of ImageHash, an 8 x 8 array of bits, as a number: first row highest."""
    return int.from_bytes(np.packbits(found.hash.reshape(-1)).tobytes(), "big")


def thumbnail(data: bytes, side: int) -> bytes | None:
    """A small JPEG, at most `side` pixels wide and high, without any metadata; None if it cannot be made."""
    from PIL import Image

    try:
        image = opened(data)
        image.draft("RGB", (2 * side, 2 * side))
        small = _as_seen(image).convert("RGB")
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        Image.frombytes(small.mode, small.size, small.tobytes()).save(out, "JPEG", quality=72, optimize=True)
    except Exception:  # noqa: BLE001  what could be read a moment ago may be gone: a report without it is still one
        return None
    return out.getvalue()


def _told(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
