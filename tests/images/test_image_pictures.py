"""Decoding with care, and fingerprints that stay the same where the picture does."""

import io
import struct
import zlib
from contextlib import suppress

import imagehash
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_images import drawing, encoded, exif, noise
from numpy.random import default_rng
from PIL import Image

from wellkeeper.errors import MissingExtraError
from wellkeeper.images import pictures
from wellkeeper.images.pictures import (
    MINIATURE_BYTES,
    PictureError,
    careful_decoder,
    fingerprints,
    opened,
    thumbnail,
)

PICTURE = drawing(default_rng(1))
PNG = encoded(PICTURE)
SMALL = {
    kind: encoded(noise(default_rng(3), 24), kind)
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
}


@pytest.fixture(scope="module", autouse=True)
def decoder():
    with careful_decoder():
        yield


def prints(data):
    with opened(data) as image:
        return fingerprints(image)


def test_the_hashes_are_those_of_the_library():
    found = prints(PNG)
    assert found.perceptual == int(str(imagehash.phash(PICTURE)), 16)
    assert found.difference == int(str(imagehash.dhash(PICTURE)), 16)
    assert len(found.miniature) == MINIATURE_BYTES


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "WEBP"])
def test_equal_pixels_have_one_digest_in_every_format_without_loss(kind):
    few = PICTURE.convert("P", palette=Image.Palette.ADAPTIVE, colors=16).convert("RGB")
    options = {"lossless": True} if kind == "WEBP" else {}
    assert prints(encoded(few, kind, **options)).pixels == prints(encoded(few)).pixels


def test_one_pixel_more_or_less_is_another_digest():
    other = PICTURE.copy()
    other.putpixel((5, 5), (1, 2, 3))
    assert prints(encoded(other)).pixels != prints(PNG).pixels


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_picture_that_exif_turns_is_the_picture_as_it_is_seen(orientation):
    turned = encoded(PICTURE, "PNG", exif=exif({0x0112: orientation}))
    with Image.open(io.BytesIO(turned)) as image:
        from PIL import ImageOps

        upright = encoded(ImageOps.exif_transpose(image).convert("RGB"))
    assert prints(turned) == prints(upright)


def test_every_frame_counts_for_the_pixels_and_the_first_for_the_eye():
    frames = [drawing(default_rng(k)) for k in (1, 2, 3)]

    def film(*pictures):
        return prints(
            encoded(pictures[0], "WEBP", save_all=True, append_images=list(pictures[1:]), lossless=True)
        )

    first, second = film(*frames), film(frames[0], frames[2], frames[1])
    assert first.pixels != second.pixels
    assert first.perceptual == second.perceptual == prints(PNG).perceptual


def test_a_long_film_is_decoded_as_far_as_the_limit_of_pixels(monkeypatch):
    frames = [drawing(default_rng(k)) for k in (1, 2, 3)]

    def film(order):
        first, *rest = (frames[k] for k in order)
        return prints(encoded(first, "TIFF", save_all=True, append_images=rest)).pixels

    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2 * PICTURE.width * PICTURE.height)
    assert film([0, 1, 2]) == film([0, 1, 1]) != film([0, 2, 1])
    assert film([0, 1]) != film([0, 1, 2])


def test_what_is_transparent_lies_on_white():
    clear = PICTURE.convert("RGBA")
    clear.putalpha(0)
    assert prints(encoded(clear)).contrast == 0


def test_a_picture_of_sixteen_bits_is_seen_as_its_eight_bit_copy():
    light = np.asarray(PICTURE.convert("L"), np.uint16)
    deep = prints(encoded(Image.fromarray(light * 257)))
    plain = prints(encoded(PICTURE.convert("L")))
    assert deep.pixels != plain.pixels
    assert (deep.perceptual ^ plain.perceptual).bit_count() <= 2
    assert deep.contrast > 10


def test_plain_pictures_have_neither_contrast_nor_detail():
    blank = prints(encoded(Image.new("RGB", (90, 60), (200, 220, 240))))
    slope = prints(encoded(Image.linear_gradient("L").convert("RGB")))
    assert blank.contrast == 0
    assert blank.detail == 1
    assert slope.contrast > 10
    assert 1 < slope.detail < 3 < prints(encoded(noise(default_rng(2)))).detail


def test_a_picture_cut_short_is_refused():
    with pytest.raises(PictureError, match="its pixels cannot be decoded") as error:
        prints(PNG[: len(PNG) // 2])
    assert error.value.code == "image-truncated"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "it is empty"),
        (
            b"<html>not found</html>",
            r"none of the formats that are read \(PNG, JPEG, .*it starts with 3c 68 74",
        ),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "none of the formats"),
    ],
)
def test_other_files_are_refused_by_name(data, says):
    with pytest.raises(PictureError, match=says) as error:
        opened(data)
    assert error.value.code == "image-format"


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_picture_that_claims_too_many_pixels_is_refused_before_they_are_decoded(side):
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    with pytest.raises(PictureError, match="claims more than the 89,478,485 pixels") as error:
        opened(data)
    assert error.value.code == "image-too-large"


@given(st.sampled_from(list(SMALL)), st.data())
def test_damage_is_refused_or_survived_and_never_anything_else(kind, data):
    made = bytearray(SMALL[kind])
    for at in data.draw(st.lists(st.integers(0, len(made) - 1), max_size=6)):
        made[at] ^= data.draw(st.integers(1, 255))
    whole = bytes(made[: data.draw(st.integers(0, len(made)))])
    with suppress(PictureError):
        prints(whole)
    thumbnail(whole, 16)


def test_a_thumbnail_is_small_and_carries_nothing():
    marked = encoded(PICTURE, "JPEG", exif=exif({0x0131: "NovelAI"}), comment=b"secret")
    small = thumbnail(marked, 64)
    with Image.open(io.BytesIO(small)) as image:
        assert max(image.size) == 64
        assert not image.getexif()
    assert b"secret" not in small
    assert thumbnail(b"no picture", 64) is None


def test_a_missing_library_is_named_with_the_extra_that_brings_it(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "imagehash", None)
    with pytest.raises(MissingExtraError, match=r"Install it: pip install 'wellkeeper\[images\]'"):
        careful_decoder().__enter__()


def test_the_digest_does_not_depend_on_how_pixels_are_taken(monkeypatch):
    kinds = [
        encoded(PICTURE.convert(mode), "TIFF") for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16")
    ]
    kinds.append(encoded(PICTURE.quantize(8), transparency=bytes(range(8))))
    whole = [prints(data).pixels for data in kinds]
    monkeypatch.setattr(pictures, "_STRIP_PIXELS", 3 * PICTURE.width)
    assert [prints(data).pixels for data in kinds] == whole
    assert len(set(whole)) > 5
