"""Logs of inspect-ai: `.eval`, a ZIP file, and `.json` (read with 0.3.285 and its source).

A `.eval` holds `header.json`, written last, and a JSON file for each sample and epoch; while an evaluation runs, or
after it died, there is `_journal/start.json` in place of the header. A sample may also be cut into a folder, of which
`sample.json` is what is read here. Newer logs are compressed by Zstandard, which Python's `zipfile` reads from
3.14 on.
"""

import math
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from wellkeeper.core.answers import Output, finish_of
from wellkeeper.errors import InputError
from wellkeeper.suites.imports.choices import Choices
from wellkeeper.suites.imports.logs import (
    called,
    count_of,
    files_in,
    head,
    is_scale,
    json_object,
    messages_of,
    real_of,
    repeats_note,
    score_of,
    slices_of,
    text_of,
    value_in,
    word_of,
)
from wellkeeper.suites.run import Answered, Run

_ZSTANDARD = 93  # its number as a method of ZIP
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, _ZSTANDARD}
_ENCRYPTED = 1  # the flag of a member
_MOST_BYTES, _MOST_TIMES = 1 << 30, 100
"""What a log may become unpacked: a GiB, or so many times its size where that is more."""
_LOCAL_HEADER = struct.Struct(
    "<26xHH"
)  # of a member: the lengths of its name and of what else precedes the data
_JSON_LOG = re.compile(rb'\s*\{\s*"version":\s*\d+,\s*"status":\s*"\w+",\s*"eval":\s*\{')
_SAMPLE = re.compile(r"samples/.+_epoch_\d+(?:\.json|/sample\.json)", re.DOTALL)
_DATED_JSON = (
    "[0-9][0-9][0-9][0-9]-[0-9][0-9]-*_*.json"  # how inspect names them; corpora have .json files too
)
_HEADERS = ("header.json", "_journal/start.json")
_IS_READ = re.compile(
    rf"{_SAMPLE.pattern}|samples/.+/metadata\.json|{'|'.join(map(re.escape, _HEADERS))}", re.DOTALL
)
_AGAIN = "Copy the log again, or try `inspect log recover`, or evaluate again."
_WORDS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
"""Correct, partly, incorrect, no answer, and words for yes and no, as inspect's own `value_to_float` has them."""

_FIELDS = "id epoch input target output scores metadata error limit invalidation".split()

Sample = Mapping[str, Any]


def is_log(path: Path) -> bool:
    """Whether this is a log, or a folder of them."""
    return bool(_logs(path))


def read_log(path: Path, choices: Choices) -> Run:
    """The run in a log, scored by its first usable score or by the chosen one.

    Raises:
        InputError: the log is damaged or empty, a folder holds several, or the chosen score is not in [0, 1].
    """
    logs = {log.name: log for log in _logs(path)}
    log = logs[choices.must_choose("log", [*logs])]
    header, samples = _from_json(log) if head(log).lstrip().startswith(b"{") else _from_zip(log)
    evaluated = header.get("eval") or {}
    kept = [sample for sample in samples if not sample.get("invalidation")]
    if not kept:
        raise InputError(
            f"{log} holds no sample (status {header.get('status', 'started')}). Evaluate again, with samples logged."
        )
    values = [_values(sample) for sample in kept]
    names = [*dict.fromkeys(name for found in values for name in found)]
    usable = [name for name in names if is_scale(found.get(name) for found in values)]
    chosen = choices.one_of("metric", names)
    choices.refuse_unused()
    if chosen is not None and chosen not in usable:
        raise InputError(
            f"{log}: {chosen} is no score in [0, 1]. Choose {' or '.join(usable) or 'no score: there is none'}."
        )
    metric = chosen or next(iter(usable), "")
    config = {
        **((header.get("plan") or {}).get("config") or {}),
        **(evaluated.get("model_generate_config") or {}),
    }
    seed, temperature = count_of(config.get("seed")), real_of(config.get("temperature"))
    items = tuple(
        _items(kept, values, metric, seed, (evaluated.get("dataset") or {}).get("sample_ids") or ())
    )
    return Run(
        name=called(path),
        model=word_of(evaluated.get("model")),
        suite=word_of(evaluated.get("task")),
        items=items,
        metric=metric,
        temperature=temperature,
        seed_name="" if seed is None else f"seed {seed}",
        created=word_of(evaluated.get("created")),
        tool=f"inspect-ai {word_of((evaluated.get('packages') or {}).get('inspect_ai'))}".strip(),
        notes=(
            *_notes(header, samples, kept),
            *_metric_notes(metric, names, usable, asked=chosen is not None),
            *repeats_note(items, temperature, "inspect sends its seed with every epoch."),
        ),
    )


def _logs(path: Path) -> list[Path]:
    if path.is_dir():
        return [log for log in files_in(path, "*.eval", _DATED_JSON) if _is_file(log)]
    is_damaged = path.suffix == ".eval" and bool(head(path))  # it was named, and reading says what is wrong
    return [path] if is_damaged or _is_file(path) else []


def _is_file(path: Path) -> bool:
    begin = head(path)
    is_zip = begin.startswith(b"PK\x03\x04") and (path.suffix == ".eval" or b"_journal/" in begin[:64])
    return is_zip or _JSON_LOG.match(begin) is not None


# --- files -------------------------------------------------------------------------------------------------------


def _from_json(path: Path) -> tuple[Mapping[str, Any], list[Sample]]:
    log = json_object(path, again=_AGAIN)
    return log, [_needed(sample) for sample in log.get("samples") or ()]


def _from_zip(path: Path) -> tuple[Mapping[str, Any], list[Sample]]:
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            members = {
                member.filename: member
                for member in archive.infolist()
                if _IS_READ.fullmatch(member.filename)
            }
            _refuse_bomb(path, members.values())

            def read(name: str) -> Any:
                return value_in(_data(archive, file, members[name]), f"{path}, {name}", again=_AGAIN)

            header: dict[str, Any] = next((read(name) for name in _HEADERS if name in members), {})
            samples = [_whole(name, members, read) for name in members if _SAMPLE.fullmatch(name)]
            return header, samples
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError) as error:
        raise InputError(
            f"{path} is no whole ZIP file ({error}). It was cut off, or is still being written. {_AGAIN}"
        ) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}). {_AGAIN}") from error


def _refuse_bomb(path: Path, members: Iterable[zipfile.ZipInfo]) -> None:
    """Raises InputError: a small file would fill the memory."""
    unpacked = sum(member.file_size for member in members)
    if unpacked > max(_MOST_BYTES, _MOST_TIMES * path.stat().st_size):
        raise InputError(
            f"{path} would become {unpacked / 2**30:,.0f} GiB, over {_MOST_TIMES} times its size, which no log of "
            "inspect's should. If you trust it, give it as JSON: inspect log convert LOG --to json --output-dir DIR."
        )


def _data(archive: zipfile.ZipFile, file: IO[bytes], member: zipfile.ZipInfo) -> bytes:
    """The bytes of a member, and no more of them than it announces.

    Raises:
        zipfile.BadZipFile: they are not those that were written.
    """
    if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
        raise zipfile.BadZipFile(f"{member.filename} is encrypted, or packed as inspect packs nothing")
    if member.compress_type != _ZSTANDARD:
        return archive.read(member)
    import zstandard

    file.seek(member.header_offset)
    name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    file.seek(name + extra, 1)
    packed = file.read(member.compress_size)
    try:
        with zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True) as stream:
            data: bytes = stream.read(member.file_size + 1)
    except zstandard.ZstdError as error:
        raise zipfile.BadZipFile(f"{member.filename}: {error}") from error
    if zlib.crc32(data) != member.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {member.filename!r}")
    return data


def _whole(name: str, members: Mapping[str, zipfile.ZipInfo], read: Callable[[str], Any]) -> Sample:
    """A sample; of one that is cut into a folder, with the metadata that lie apart there."""
    sample = read(name)
    if not isinstance(sample, dict):
        raise zipfile.BadZipFile(f"{name} is no sample")
    apart = name.removesuffix("sample.json") + "metadata.json"
    return _needed(sample) | ({"metadata": read(apart)} if apart in members else {})


def _needed(sample: Sample) -> dict[str, Any]:
    """What is read of a sample: without its events, which can be a thousand times as long."""
    return {name: sample[name] for name in _FIELDS if name in sample}


# --- samples -----------------------------------------------------------------------------------------------------


def _items(
    samples: Sequence[Sample],
    values: Sequence[Mapping[str, Any]],
    metric: str,
    seed: int | None,
    order: Sequence[Any],
) -> Iterator[Answered]:
    """Items in the order of the data set, as far as the log has it; else by name. Epochs are answers to one item."""
    epochs: dict[
        str, dict[int, int]
    ] = {}  # places of samples by id and epoch: each is one answer, however often logged
    for place, sample in enumerate(samples):
        epochs.setdefault(str(sample["id"]), {})[int(sample.get("epoch", 1))] = place
    rank = {str(name): place for place, name in enumerate(order)}
    names = sorted(epochs, key=lambda name: (rank.get(name, len(rank)), name))
    places_of = {name: [place for _, place in sorted(epochs[name].items())] for name in names}
    slices = slices_of([samples[places_of[name][0]].get("metadata") or {} for name in names])
    for name, labels in zip(names, slices, strict=True):
        places = places_of[name]
        first = samples[places[0]]
        targets = first.get("target", ())
        yield Answered(
            name=name,
            prompt=messages_of(first.get("input")),
            outputs=tuple(_output(samples[place], seed) for place in places),
            scores=tuple(score_of(values[place].get(metric)) for place in places) if metric else (),
            notes=tuple(_read(samples[place], metric) for place in places) if metric else (),
            references=tuple(map(str, [targets] if isinstance(targets, str) else targets)),
            slices=labels,
        )


def _output(sample: Sample, seed: int | None) -> Output:
    """The last answer of the model. A sample that failed has none, whatever the model said before."""
    output = sample.get("output") or {}
    usage = output.get("usage") or {}
    failed = sample.get("error")
    choice: Mapping[str, Any] = next(iter(output.get("choices") or ()), {})
    text = "" if failed else text_of((choice.get("message") or {}).get("content", ""))
    limit = sample.get("limit")
    said = "error" if failed else "length" if limit else word_of(choice.get("stop_reason"))
    logprobs = (choice.get("logprobs") or {}).get("content") or ()
    return Output(
        text=text,
        finish=finish_of(text, said),
        tokens=count_of(usage.get("output_tokens")),
        prompt_tokens=_prompt_tokens(usage),
        logprobs=_known(float(token["logprob"]) for token in logprobs),
        first_tokens=_first_tokens(logprobs),
        seed=seed,
        milliseconds=round(1000 * (real_of(output.get("time")) or 0.0), 3),
        note=str(failed.get("message", ""))
        if failed
        else f"stopped at its limit: {limit.get('type')}"
        if limit
        else "",
    )


def _prompt_tokens(usage: Mapping[str, Any]) -> int | None:
    """All tokens of the prompt; inspect counts those that a server had kept from earlier prompts apart."""
    if count_of(usage.get("input_tokens")) is None:
        return None
    parts = ("input_tokens", "input_tokens_cache_read", "input_tokens_cache_write")
    return sum(count_of(usage.get(part)) or 0 for part in parts)


def _first_tokens(logprobs: Sequence[Mapping[str, Any]]) -> dict[str, float] | None:
    likeliest = (logprobs[0].get("top_logprobs") or ()) if logprobs else ()
    chances = _known(float(token["logprob"]) for token in likeliest)
    return dict(zip((str(token["token"]) for token in likeliest), chances, strict=True)) if chances else None


def _known(logprobs: Iterable[float]) -> tuple[float, ...] | None:
    """Log-probabilities; None: there are none, or one is NaN or infinitely likely."""
    found = tuple(logprobs)
    return found if found and all(one < math.inf for one in found) else None


def _values(sample: Sample) -> dict[str, Any]:
    """The values of a sample's scores, as numbers where they are; a score of several values as `score/value`."""
    if sample.get("error"):
        return {}
    values: dict[str, Any] = {}
    for name, score in (sample.get("scores") or {}).items():
        value = score.get("value")
        if isinstance(value, Mapping):
            values.update({f"{name}/{part}": _number(one) for part, one in value.items()})
        else:
            values[name] = _number(value)
    return values


def _number(value: Any) -> Any:
    """A value in figures; None: it is a word without one, such as a grade, or a list."""
    if isinstance(value, str):
        known = _WORDS.get(value, _WORDS.get(value.lower()) if len(value) > 1 else None)
        try:
            return float(value) if known is None else known
        except ValueError:
            return None
    return value


def _read(sample: Sample, metric: str) -> str:
    """What the scorer read out of the answer."""
    score = (sample.get("scores") or {}).get(metric.split("/", maxsplit=1)[0]) or {}
    return str(score.get("answer") or "")


# --- notes -------------------------------------------------------------------------------------------------------


def _notes(header: Mapping[str, Any], samples: Sequence[Sample], kept: Sequence[Sample]) -> Iterator[str]:
    status = header.get("status", "started")
    if status != "success":
        evaluated = header.get("eval") or {}
        dataset = evaluated.get("dataset") or {}
        # `samples` counts the whole data set, whatever --limit or --sample-id took of it
        asked = len(dataset.get("sample_ids") or ()) or count_of(dataset.get("samples")) or 0
        asked *= count_of((evaluated.get("config") or {}).get("epochs")) or 1
        yield (
            f"The evaluation did not end well (status {status}): {len(samples)} of {asked} samples are in the log, "
            "and items without any are left out."
        )
    if len(kept) < len(samples):
        yield f"{len(samples) - len(kept)} samples were marked as invalid, and are left out."
    failed = sum(bool(sample.get("error")) for sample in kept)
    if failed:
        yield f"{failed} samples failed: they have no answer, and their score is unknown."


def _metric_notes(metric: str, names: Sequence[str], usable: Sequence[str], *, asked: bool) -> Iterator[str]:
    others = [name for name in usable if name != metric]
    if metric and others and not asked:
        yield f"Scored by {metric}, the first score of the log; it also has {', '.join(others)}."
    if not metric:
        yield (f"No score is in [0, 1] ({', '.join(names) or 'none is logged'}): the answers are not scored.")
