"""Pictures made for measurements and tests: subjects that nothing relates, copies of them, and marks put into them.

Every mark is written in the form that the tool it stands for writes, by a library that knows nothing of ours (Pillow,
c2pa-python). Photographs are taken from installed packages where there are any, so that nothing is downloaded.
"""

import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, PngImagePlugin

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from credential_files import (  # certificates and signatures, as the tests make them
    chain,
    claim,
    signed_picture,
)

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
PLUS = "http://ns.useplus.org/ldf/vocab/"
TILE = 200  # pixels a side of the pieces that photographs are cut into

_PACKAGES = ("sklearn/datasets/images", "matplotlib/mpl-data/sample_data", "skimage/data")
_WORDS = (
    "the sea lay flat and grey as far as anyone could see from here and no boat came all day long".split()
)


# --- subjects --------------------------------------------------------------------------------------


def photographs(extra: Path | None = None) -> list[Image.Image]:
    """Photographs of packages that happen to be installed, and of a folder."""
    folders = [extra] if extra else []
    for place in _PACKAGES:
        found = find_spec(place.partition("/")[0])
        if found and found.submodule_search_locations:
            folders.append(Path(found.submodule_search_locations[0]).parent / place)
    paths = {
        path.name: path
        for folder in folders
        for path in sorted(folder.glob("*"))
        if path.suffix in {".jpg", ".png"} and path.stat().st_size > 40_000 and "logo" not in path.name
    }
    return [Image.open(path).convert("RGB") for _, path in sorted(paths.items())]


def tiles(pictures: list[Image.Image]) -> list[Image.Image]:
    """Pieces of photographs that do not overlap."""
    return [
        picture.crop((x, y, x + TILE, y + TILE))
        for picture in pictures
        for y in range(0, picture.height - TILE + 1, TILE)
        for x in range(0, picture.width - TILE + 1, TILE)
    ]


def noise(rng: np.random.Generator, side: int = 256) -> Image.Image:
    """A field with the spectrum of photographs: energy falls with frequency (Field 1987)."""
    across = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :])
    across[0, 0] = 1

    def layer(power: float) -> NDArray[np.float64]:
        phases = rng.normal(size=(2, side, side))
        made = np.fft.ifft2((phases[0] + 1j * phases[1]) / across**power).real
        return made / made.std()

    shared = layer(rng.uniform(0.9, 1.4))
    colours = [shared + 0.3 * layer(1.2) for _ in range(3)]
    return Image.fromarray(np.clip(128 + 45 * np.stack(colours, -1), 0, 255).astype(np.uint8))


def drawing(rng: np.random.Generator) -> Image.Image:
    picture = Image.new("RGB", (320, 240), _colour(rng, 120))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(5, 20))):
        x, y, width, height = (int(value) for value in rng.integers(0, 200, 4))
        shape = pen.ellipse if rng.random() < 0.5 else pen.rectangle
        shape((x, y, x + width // 2, y + height // 2), fill=_colour(rng, 0))
    return picture


def page(rng: np.random.Generator) -> Image.Image:
    """A page of text: the layout of all of them is the same."""
    picture = Image.new("RGB", (480, 640), (255, 255, 255))
    pen, letters = ImageDraw.Draw(picture), ImageFont.load_default(size=14)
    for line in range(30):
        words = " ".join(rng.choice(_WORDS, int(rng.integers(3, 9))))
        pen.text((30, 25 + 19 * line), words, fill=(20, 20, 20), font=letters)
    return picture


def sign(rng: np.random.Generator) -> Image.Image:
    """One disc or square in the middle of nothing: the hardest to tell apart of what is not plain."""
    picture = Image.new("RGB", (200, 200), (255, 255, 255))
    x, y, r = (int(value) for value in (rng.integers(80, 120), rng.integers(80, 120), rng.integers(30, 70)))
    pen = ImageDraw.Draw(picture)
    (pen.ellipse if rng.random() < 0.5 else pen.rectangle)((x - r, y - r, x + r, y + r), fill=_colour(rng, 0))
    return picture


def gradient(rng: np.random.Generator) -> Image.Image:
    """A clear sky: light from one side, and the noise of a camera."""
    y, x = np.mgrid[0:200, 0:300] / 200
    angle = rng.uniform(0, 2 * np.pi)
    light = (np.cos(angle) * x + np.sin(angle) * y) * rng.uniform(10, 90)
    values = rng.uniform(0, 120, 3) + light[..., None] + rng.normal(0, 2, (200, 300, 3))
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def _colour(rng: np.random.Generator, least: int) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(least, 256, 3))
    return red, green, blue


# --- copies ----------------------------------------------------------------------------------------


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def cropped(picture: Image.Image, share: float) -> Image.Image:
    """Less `share` of width and height in all, taken evenly from both sides."""
    x, y = round(picture.width * share / 2), round(picture.height * share / 2)
    return picture.crop((x, y, picture.width - x, picture.height - y))


def scaled(picture: Image.Image, factor: float) -> Image.Image:
    return picture.resize((round(picture.width * factor), round(picture.height * factor)))


COPIES: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG, quality 80": lambda picture: decoded(encoded(picture, "JPEG", quality=80)),
    "JPEG, quality 50": lambda picture: decoded(encoded(picture, "JPEG", quality=50)),
    "WebP, quality 50": lambda picture: decoded(encoded(picture, "WEBP", quality=50)),
    "half the size": lambda picture: scaled(picture, 0.5),
    "twice the size": lambda picture: scaled(picture, 2.0),
    "half the size, JPEG 50": lambda picture: decoded(encoded(scaled(picture, 0.5), "JPEG", quality=50)),
    "brightness -20 %": lambda picture: ImageEnhance.Brightness(picture).enhance(0.8),
    "brightness +20 %": lambda picture: ImageEnhance.Brightness(picture).enhance(1.2),
    "cropped by 2 %": lambda picture: cropped(picture, 0.02),
    "cropped by 5 %": lambda picture: cropped(picture, 0.05),
}
"""What happens to pictures on their way, by name."""


# --- marks -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A mark that is put into pictures, and what an audit has to make of it."""

    name: str
    suffix: str
    put: Callable[[Image.Image], bytes]
    kinds: frozenset[str]  # of evidence
    origin: str  # that follows
    generator: str | None = None


_INFOTEXT = (
    "a lighthouse in a storm, oil on canvas\nNegative prompt: blurry\nSteps: 28, Sampler: DPM++ 2M, CFG scale: 6.5, "
    "Seed: 1234567, Size: 512x512, Model hash: 31e35c80fc, Model: sd_xl_base_1.0, Version: v1.9.4"
)
_GRAPH = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 20, "model": ["4", 0]}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "flux1-dev.safetensors"}},
}
_WORKFLOW = {"last_node_id": 4, "nodes": [{"id": 3, "type": "KSampler"}]}


def png(picture: Image.Image, **text: str) -> bytes:
    """A PNG with text chunks."""
    info = PngImagePlugin.PngInfo()
    for name, value in text.items():
        info.add_itxt(name.replace("__", "-"), value)
    return encoded(picture, pnginfo=info)


def xmp(**properties: str) -> bytes:
    """A packet with properties as attributes, `prefix__name`."""
    spaces = {
        "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
        "photoshop": "http://ns.adobe.com/photoshop/1.0/",
        "xmp": "http://ns.adobe.com/xap/1.0/",
        "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
        "TC260": "http://www.tc260.org.cn/ns/AIGC/1.0/",
        "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    }
    declared = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in spaces.items())
    quoted = {name: value.replace("&", "&amp;").replace('"', "&quot;") for name, value in properties.items()}
    written = " ".join(f'{name.replace("__", ":")}="{value}"' for name, value in quoted.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        f'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" {declared} {written}/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def exif(main: Mapping[int, Any], inner: Mapping[int, Any] | None = None) -> Image.Exif:
    made = Image.Exif()
    for tag, value in main.items():
        made[tag] = value
    if inner:
        made.get_ifd(0x8769).update(inner)
    return made


def signed(picture: Image.Image, *, signer: str, source_type: str, broken: bool = False) -> bytes:
    """A JPEG with a C2PA credential; `broken`: and then a pixel was changed."""
    manifest = claim(source_type) | {"claim_generator_info": [{"name": "DALL\u00b7E", "version": "3"}]}
    data = signed_picture(encoded(picture, "JPEG", quality=90), "image/jpeg", chain(signer), manifest)
    if not broken:
        return data
    at = data.rfind(b"\xff\xda") + 200  # in the scan: behind all segments
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


TRUSTED, STRANGER = "made camera and model", "somebody"


def trusted_certificates() -> bytes:
    return chain(TRUSTED).anchors


def _user_comment(text: str) -> bytes:
    return b"UNICODE\0" + text.encode("utf-16-be")


def _marks() -> Iterator[Mark]:
    made = frozenset({"generator-metadata"})
    disclosed = frozenset({"machine-disclosure"})
    ai = "ai-generated"
    web_ui = "sd_xl_base_1.0 (Stable Diffusion web UI v1.9.4)"
    comfy = "flux1-dev.safetensors (ComfyUI)"
    midjourney = "a lighthouse --v 6.1 --ar 3:2 Job ID: 1a2b3c4d-1111-2222-3333-1234567890ab"
    novel = json.dumps({"prompt": "a lighthouse", "steps": 28, "sampler": "k_euler", "seed": 1, "scale": 5.0})
    invoke = json.dumps(
        {"app_version": "5.6.0", "model": {"name": "juggernaut"}, "positive_prompt": "a lighthouse"}
    )
    swarm = json.dumps({"sui_image_params": {"prompt": "x", "model": "sd3.5", "swarm_version": "0.9.5"}})
    label = json.dumps({"Label": "1", "ContentProducer": "001191440300708461136T1XGW3"})
    put: list[tuple[str, str, Callable[[Image.Image], bytes], frozenset[str], str, str | None]] = [
        ("infotext in PNG", "png", lambda p: png(p, parameters=_INFOTEXT), made, ai, web_ui),
        (
            "infotext in JPEG",
            "jpg",
            lambda p: encoded(p, "JPEG", exif=exif({}, {0x9286: _user_comment(_INFOTEXT)})),
            made,
            ai,
            web_ui,
        ),
        (
            "ComfyUI in PNG",
            "png",
            lambda p: png(p, prompt=json.dumps(_GRAPH), workflow=json.dumps(_WORKFLOW)),
            made,
            ai,
            comfy,
        ),
        (
            "ComfyUI in WebP",
            "webp",
            lambda p: encoded(
                p,
                "WEBP",
                exif=exif(
                    {0x010F: f"workflow:{json.dumps(_WORKFLOW)}", 0x0110: f"prompt:{json.dumps(_GRAPH)}"}
                ),
            ),
            made,
            ai,
            comfy,
        ),
        (
            "InvokeAI",
            "png",
            lambda p: png(p, invokeai_metadata=invoke),
            made,
            ai,
            "juggernaut (InvokeAI 5.6.0)",
        ),
        (
            "NovelAI",
            "png",
            lambda p: png(p, Software="NovelAI", Source="NovelAI Diffusion V4 37442FCA", Comment=novel),
            made,
            ai,
            "NovelAI 4",
        ),
        ("SwarmUI", "png", lambda p: png(p, parameters=swarm), made, ai, "sd3.5 (SwarmUI 0.9.5)"),
        (
            "Midjourney",
            "png",
            lambda p: png(p, Description=midjourney, Author="somebody"),
            made,
            ai,
            "Midjourney 6.1",
        ),
        (
            "Firefly in XMP",
            "jpg",
            lambda p: encoded(p, "JPEG", xmp=xmp(xmp__CreatorTool="Adobe Firefly 3.0")),
            made,
            ai,
            "Adobe Firefly 3.0",
        ),
        (
            "IPTC source type",
            "jpg",
            lambda p: encoded(
                p, "JPEG", xmp=xmp(Iptc4xmpExt__DigitalSourceType=f"{IPTC}trainedAlgorithmicMedia")
            ),
            disclosed,
            ai,
            None,
        ),
        (
            "IPTC source type, edited",
            "webp",
            lambda p: encoded(
                p,
                "WEBP",
                xmp=xmp(Iptc4xmpExt__DigitalSourceType=f"{IPTC}compositeWithTrainedAlgorithmicMedia"),
            ),
            disclosed,
            "ai-assisted",
            None,
        ),
        (
            "Google's credit",
            "jpg",
            lambda p: encoded(p, "JPEG", xmp=xmp(photoshop__Credit="Made with Google AI")),
            disclosed,
            ai,
            "Google AI",
        ),
        (
            "IPTC's AI system",
            "jpg",
            lambda p: encoded(
                p,
                "JPEG",
                xmp=xmp(Iptc4xmpExt__AISystemUsed="Midjourney", Iptc4xmpExt__AISystemVersionUsed="7"),
            ),
            disclosed,
            ai,
            "Midjourney 7",
        ),
        (
            "AIGC label",
            "png",
            lambda p: png(p, AIGC=label),
            disclosed,
            ai,
            "AIGC producer 001191440300708461136T1XGW3",
        ),
        (
            "credential, trusted, AI",
            "jpg",
            lambda p: signed(p, signer=TRUSTED, source_type="trainedAlgorithmicMedia"),
            frozenset({"credential-trusted-ai"}),
            ai,
            "DALL-E 3",
        ),
        (
            "credential, stranger, AI",
            "jpg",
            lambda p: signed(p, signer=STRANGER, source_type="trainedAlgorithmicMedia"),
            frozenset({"credential-ai"}),
            ai,
            "DALL-E 3",
        ),
        (
            "credential, trusted, camera",
            "jpg",
            lambda p: signed(p, signer=TRUSTED, source_type="digitalCapture"),
            frozenset({"credential-trusted-human"}),
            "human",
            None,
        ),
        (
            "credential, stranger, camera",
            "jpg",
            lambda p: signed(p, signer=STRANGER, source_type="digitalCapture"),
            frozenset({"credential-human"}),
            "unknown",
            None,
        ),
        (
            "credential, broken",
            "jpg",
            lambda p: signed(p, signer=TRUSTED, source_type="trainedAlgorithmicMedia", broken=True),
            frozenset({"credential-broken"}),
            "unknown",
            None,
        ),
    ]
    for name, suffix, write, kinds, origin, generator in put:
        yield Mark(name=name, suffix=suffix, put=write, kinds=kinds, origin=origin, generator=generator)


MARKS = tuple(_marks())


def _harmless() -> Iterator[Mark]:
    camera = {
        0x010F: "FUJIFILM",
        0x0110: "X-T4",
        0x0131: "Adobe Photoshop 25.0 (Macintosh)",
        0x013B: "A. Person",
    }
    put: list[tuple[str, str, Callable[[Image.Image], bytes]]] = [
        ("camera", "jpg", lambda p: encoded(p, "JPEG", exif=exif(camera, {0x9003: "2019:05:04 10:00:00"}))),
        (
            "caption about a generator",
            "png",
            lambda p: png(p, Description="A talk on Midjourney and DALL-E", Title="AI"),
        ),
        (
            "agency named Gemini",
            "jpg",
            lambda p: encoded(p, "JPEG", xmp=xmp(photoshop__Source="Gemini Observatory")),
        ),
        ("suspected only", "png", lambda p: png(p, AIGC=json.dumps({"Label": "3"}))),
        (
            "human source type",
            "jpg",
            lambda p: encoded(p, "JPEG", xmp=xmp(Iptc4xmpExt__DigitalSourceType=f"{IPTC}digitalCapture")),
        ),
        (
            "prompt in words",
            "png",
            lambda p: png(p, prompt="Draw what you see", workflow="scan, crop, publish"),
        ),
    ]
    for name, suffix, write in put:
        yield Mark(name=name, suffix=suffix, put=write, kinds=frozenset(), origin="unknown")


HARMLESS = tuple(_harmless())
"""Metadata that must not be taken for a mark."""


def refusing(picture: Image.Image) -> bytes:
    """A picture whose owner refuses the training of models, in PLUS's data-mining field."""
    return encoded(picture, "JPEG", xmp=xmp(plus__DataMining=f"{PLUS}DMI-PROHIBITED-AIMLTRAINING"))


# --- a folder --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Planted:
    """What was put into a folder, by file name."""

    marked: dict[str, Mark] = field(default_factory=dict)
    same_bytes: dict[str, str] = field(default_factory=dict)  # copy -> original
    same_pixels: dict[str, str] = field(default_factory=dict)
    alike: dict[str, tuple[str, str]] = field(default_factory=dict)  # copy -> original, and how it was made
    bad: dict[str, str] = field(default_factory=dict)  # file -> code of quarantine
    refused: set[str] = field(default_factory=set)
    pictures: int = 0


def make_folder(folder: Path, files: int, *, seed: int = 0, extra: Path | None = None) -> Planted:
    """Fill a folder with so many pictures: a fifth with marks, a tenth copies, 2 % damaged, the others without any."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    subjects = _subjects(rng, files, tiles(photographs(extra)))
    planted = Planted()
    originals: list[str] = []

    def write(name: str, data: bytes) -> None:
        (folder / name).write_bytes(data)
        planted.pictures += 1

    for number in range(max(1, files // 100)):
        whole = encoded(noise(rng))
        write(f"bad-{number:04d}-cut.png", whole[: len(whole) // 2])
        write(f"bad-{number:04d}-page.jpg", b"<html>not found</html>")
        planted.bad |= {
            f"bad-{number:04d}-cut.png": "image-truncated",
            f"bad-{number:04d}-page.jpg": "image-format",
        }
    for number in range(files // 5):
        mark = (*MARKS, *HARMLESS)[number % (len(MARKS) + len(HARMLESS))]
        name = f"mark-{number:04d}.{mark.suffix}"
        write(name, mark.put(next(subjects)))
        planted.marked[name] = mark
    for number in range(max(1, files // 100)):
        name = f"refused-{number:04d}.jpg"
        write(name, refusing(next(subjects)))
        planted.refused.add(name)
    ways = list(COPIES.items())
    for number in range(files // 10):
        picture, original = next(subjects), f"original-{number:04d}.png"
        write(original, encoded(picture))
        originals.append(original)
        copy = f"zcopy-{number:04d}"
        if number % 4 == 0:
            write(f"{copy}.png", (folder / original).read_bytes())
            planted.same_bytes[f"{copy}.png"] = original
        elif number % 4 == 1:
            write(f"{copy}.webp", encoded(picture, "WEBP", lossless=True))
            planted.same_pixels[f"{copy}.webp"] = original
        else:
            way, make = ways[
                number % (len(ways) - 1)
            ]  # the strongest crop is not always found: it is measured apart
            write(f"{copy}.png", encoded(make(picture)))
            planted.alike[f"{copy}.png"] = (original, way)
    while planted.pictures < files:
        write(f"subject-{planted.pictures:04d}.jpg", encoded(next(subjects), "JPEG", quality=88))
    return planted


def _subjects(rng: np.random.Generator, files: int, pieces: list[Image.Image]) -> Iterator[Image.Image]:
    """Pictures that nothing relates, in a mixed order; none of the plain ones, which the hashes do not judge."""
    kinds: list[Callable[[np.random.Generator], Image.Image]] = [noise, noise, drawing]
    at = 0
    for number in range(4 * files):
        if number % 4 == 3 and at < len(pieces):
            yield pieces[at]
            at += 1
        else:
            yield kinds[number % len(kinds)](rng)
