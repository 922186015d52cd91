"""Where the values of JSON lines stand, and their strings as Arrow buffers, without an object a value.

One compiled pass goes over a block and does three things at once for each line: it checks that the line is one
well-formed JSON object in UTF-8 (RFC 8259), it notes where the values of the wanted fields stand, and it copies
the text, unescaped, behind the text of the line before.

The pass never says that a line is wrong. A line that it does not accept is *unsure*: it goes to orjson, whose
verdict is the one that counts. So the pass may be stricter than orjson, and is where that keeps it short, but
never more lenient: what it accepts, orjson accepts with the same values.
"""

# ruff: noqa: C901, FBT003, PLR0911, PLR0912, PLR1714, SIM109  a compiled loop is one long function by nature

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from wellkeeper.engine.readers.columns import Column, Record
from wellkeeper.engine.readers.cutting import count_lines
from wellkeeper.lanes import LANES, copy_lanes, first_bit, special_bytes
from wellkeeper.native import loop, part

Bytes: TypeAlias = NDArray[np.uint8]
Places: TypeAlias = NDArray[np.int64]

ABSENT, NULL, STRING, ESCAPED, OTHER = range(5)
"""Kinds of a value: no such field; null; a string that stands as it is; one with escapes; anything else."""

_DEPTH = 60  # levels of nesting, each a bit of a signed word; deeper ones are orjson's
_NUMBER_BYTES = 200  # with exponents of two digits, such numbers stay far below the largest double

_TAB, _LINE_FEED, _RETURN, _SPACE = 0x09, 0x0A, 0x0D, 0x20
_QUOTE, _PLUS, _COMMA, _MINUS, _DOT, _ZERO, _NINE, _COLON = 0x22, 0x2B, 0x2C, 0x2D, 0x2E, 0x30, 0x39, 0x3A
_EXPONENT, _OPEN_LIST, _BACKSLASH, _CLOSE_LIST = 0x65, 0x5B, 0x5C, 0x5D
_F, _N, _T, _U, _OPEN_OBJECT, _CLOSE_OBJECT = 0x66, 0x6E, 0x74, 0x75, 0x7B, 0x7D

_DIGITS = np.full(256, -1, np.int64)  # what each byte is worth as a hexadecimal digit
_DIGITS[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)
_DIGITS[np.frombuffer(b"ABCDEF", np.uint8)] = np.arange(10, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """What the pass found in a block. A row is a line that holds a document, in the order of the lines.

    Places are bytes of the block. Spans of strings are those between their quotes.
    """

    data: bytes | bytearray
    lines: Places  # shape (rows,): which line of the block a row is, from 0
    starts: Places  # shape (rows,): where the line starts
    ends: Places  # shape (rows,): where it ends, its line feed not counted
    texts: Bytes  # UTF-8 of all texts, one behind the other
    bounds: Places  # shape (rows + 1,): where they start and end in `texts`
    kinds: Bytes  # shape (rows, fields): kinds as above
    value_starts: Places  # shape (rows, fields)
    value_ends: Places  # shape (rows, fields)
    unsure: Places  # shape (unsure, 3): line, start and end of each line that the pass leaves to orjson

    def text(self) -> Column:
        """The texts as one `large_string` array over the buffers themselves."""
        return _strings(pa.large_string(), self.bounds, self.texts)

    def strings(self, field: int) -> Column:
        """The values of a field that are strings; null elsewhere."""
        kinds = self.kinds[:, field]
        is_string = (kinds == STRING) | (kinds == ESCAPED)
        if not is_string.any():
            return pa.nulls(len(kinds), pa.string())
        starts = np.where(is_string, self.value_starts[:, field], 0)
        ends = np.where(is_string, self.value_ends[:, field], 0)
        out = np.empty(int((ends - starts).sum()) + LANES, np.uint8)
        bounds = np.zeros(len(kinds) + 1, np.int32)
        used = _gather(np.frombuffer(self.data, np.uint8), starts, ends, out, bounds)
        valid = None if is_string.all() else np.packbits(is_string, bitorder="little")
        return _strings(pa.string(), bounds, out[:used], valid)

    def others(self, field: int) -> tuple[Places, list[Any]]:
        """The rows whose value of a field is neither a string nor null, and these values."""
        rows = np.flatnonzero(self.kinds[:, field] == OTHER)
        spans = zip(
            self.value_starts[rows, field].tolist(), self.value_ends[rows, field].tolist(), strict=True
        )
        return rows, _array(self.data[start:end] for start, end in spans)

    def records_without_text(self) -> list[Record]:
        """The object of each row, with 0 in place of its text."""
        spans = zip(
            self.starts.tolist(),
            (self.value_starts[:, 0] - 1).tolist(),
            (self.value_ends[:, 0] + 1).tolist(),
            self.ends.tolist(),
            strict=True,
        )
        data = self.data
        return _array(data[start:text] + b"0" + data[after:end] for start, text, after, end in spans)


def scan(data: bytes | bytearray, names: Sequence[str], *, line_ends: int | None = None) -> Spans:
    """Find the fields of these names, of which the first is the text, in a block of JSON lines.

    Names are those of top-level fields. Of fields that bear one name the last counts. `line_ends`: how many there
    are, where that is known.
    """
    encoded = [name.encode(errors="surrogatepass") for name in names]
    lines = (count_lines(data) if line_ends is None else line_ends) + 1
    shortest = len(encoded[0]) + len(b'{"":"x"}')
    room = min(lines, len(data) // shortest) + 1  # the last for a line that does not become a row
    fields = (room, len(names))
    texts, bounds = np.empty(len(data) + LANES, np.uint8), np.zeros(room + 1, np.int64)
    places, unsure = np.empty((room, 3), np.int64), np.empty((lines, 3), np.int64)
    kinds, value_starts, value_ends = (
        np.empty(fields, np.uint8), np.empty(fields, np.int64), np.empty(fields, np.int64)
    )  # fmt: skip
    rows = _scan(
        np.frombuffer(data, np.uint8),
        np.frombuffer(b"".join(encoded), np.uint8),
        np.cumsum([0, *map(len, encoded)], dtype=np.int64),
        texts, bounds, places, kinds, value_starts, value_ends, unsure, tally := np.zeros(1, np.int64),
    )  # fmt: skip
    return Spans(
        data=data,
        lines=places[:rows, 0].copy(),
        starts=places[:rows, 1].copy(),
        ends=places[:rows, 2].copy(),
        texts=texts[: bounds[rows] + LANES],  # with what loops read beyond the last
        bounds=bounds[: rows + 1],
        kinds=kinds[:rows],
        value_starts=value_starts[:rows],
        value_ends=value_ends[:rows],
        unsure=unsure[: tally[0]],
    )


def _strings(type_: pa.DataType, bounds: NDArray[Any], data: Bytes, valid: Bytes | None = None) -> Column:
    mask = None if valid is None else pa.py_buffer(valid)
    return pa.Array.from_buffers(type_, len(bounds) - 1, [mask, pa.py_buffer(bounds), pa.py_buffer(data)])


def _array(values: Any) -> list[Any]:
    made: list[Any] = orjson.loads(b"[" + b",".join(values) + b"]")
    return made


@loop(
    "const u8[:], const u8[:], const i64[:], u8[:], i64[:], i64[:,:], u8[:,:], i64[:,:], i64[:,:], i64[:,:], i64[:]",
    returns="i64",
)
def _scan(
    data: Any, names: Any, name_bounds: Any, out: Any, bounds: Any, places: Any,
    kinds: Any, value_starts: Any, value_ends: Any, unsure: Any, tally: Any,
) -> Any:  # fmt: skip
    n = data.size
    i, line, row, left = 0, 0, 0, 0
    while i < n:
        start = i
        i = _space(data, i, n)
        blank = i >= n or data[i] == _LINE_FEED
        if not blank:
            i, at = _object(
                data, i, names, name_bounds, out, bounds[row], kinds[row], value_starts[row], value_ends[row]
            )
            sure = i >= 0
            if not sure:
                i = start
            while i < n and data[i] != _LINE_FEED:
                i += 1
            if sure:
                places[row, 0], places[row, 1], places[row, 2] = line, start, i
                row += 1
                bounds[row] = at
            else:
                unsure[left, 0], unsure[left, 1], unsure[left, 2] = line, start, i
                left += 1
        i += 1
        line += 1
    tally[0] = left
    return row


@part
def _object(
    data: Any, i: Any, names: Any, name_bounds: Any, out: Any, room: Any, kinds: Any, starts: Any, ends: Any
) -> Any:
    """End of the line's object and, from `room` on, of its text in `out`; -1 where that is not sure."""
    n = data.size
    kinds[:] = ABSENT
    at = room
    if data[i] != _OPEN_OBJECT:
        return -1, room
    i = _space(data, i + 1, n)
    while True:
        if i >= n or data[i] != _QUOTE:
            return -1, room
        name = i + 1
        i, mark = _string(data, name, out, name, False)
        if i < 0 or mark != i - 1:  # a name with escapes may be any
            return -1, room
        field = _field(data, name, i - 1, names, name_bounds)
        i = _colon(data, i, n)
        if i < 0 or i >= n:
            return -1, room
        start, first = i, data[i]
        if first == _QUOTE:
            start += 1
            goal = room if field == 0 else start
            i, mark = _string(data, start, out, goal, field == 0)
            if i < 0:
                return -1, room
            kind, end = STRING if mark - goal == i - 1 - start else ESCAPED, i - 1
            if field == 0:
                at = mark
        else:
            i = _value(data, i, out)
            if i < 0:
                return -1, room
            kind, end = NULL if first == _N else OTHER, i
        if field >= 0:
            kinds[field], starts[field], ends[field] = kind, start, end
        i = _space(data, i, n)
        if i >= n:
            return -1, room
        if data[i] == _CLOSE_OBJECT:
            break
        if data[i] != _COMMA:
            return -1, room
        i = _space(data, i + 1, n)
    i = _space(data, i + 1, n)
    if i < n and data[i] != _LINE_FEED:
        return -1, room
    if (kinds[0] != STRING and kinds[0] != ESCAPED) or _is_blank(out, room, at):
        return -1, room
    return i, at


@part
def _field(data: Any, start: Any, end: Any, names: Any, name_bounds: Any) -> Any:
    """Which of the wanted fields has this name; -1 for none."""
    for field in range(name_bounds.size - 1):
        first = name_bounds[field]
        if name_bounds[field + 1] - first == end - start:
            k = start
            while k < end and data[k] == names[first + k - start]:
                k += 1
            if k == end:
                return field
    return -1


@part
def _space(data: Any, i: Any, n: Any) -> Any:
    """The first byte that is no white space within a line."""
    while i < n and (data[i] == _SPACE or data[i] == _TAB or data[i] == _RETURN):
        i += 1
    return i


@part
def _colon(data: Any, i: Any, n: Any) -> Any:
    """Where the value behind a name starts; -1 where no colon stands between."""
    i = _space(data, i, n)
    if i >= n or data[i] != _COLON:
        return -1
    return _space(data, i + 1, n)


@part
def _string(data: Any, i: Any, out: Any, at: Any, copying: Any) -> Any:
    """Ends of a string whose first byte is data[i]: behind its closing quote, and in `out`, where it is copied to.

    Without copying, `at` only counts. The first is -1 where the string is not sure to be one.
    """
    n = data.size
    while i < n:
        width = min(LANES, n - i)
        if width == LANES:
            mask = special_bytes(data, i)
            if copying:
                copy_lanes(data, i, out, at)
        else:
            mask = _special_bytes_one_by_one(data, i, width)
            if copying:
                for k in range(width):
                    out[at + k] = data[i + k]
        k = first_bit(mask) if mask else width
        # All of a character must lie among the bytes at hand, which are copied already.
        while k + 4 <= width and data[i + k] >= 0x80:
            size = _character(data, i + k)
            if size == 0:
                return -1, at
            k += size
            rest = mask >> np.uint64(k) if k < LANES else np.uint64(0)
            k = k + first_bit(rest) if rest else width
        if k == 0 and data[i] >= 0x80:
            return -1, at  # no room for a character, a quote and what closes the object
        i += k
        at += k
        if k == width or data[i] >= 0x80:
            continue
        if data[i] == _QUOTE:
            return i + 1, at
        if data[i] != _BACKSLASH:
            return -1, at
        while i < n and data[i] == _BACKSLASH:
            i, at = _escape(data, i, out, at, copying)
            if i < 0:
                return -1, at
    return -1, at


@part
def _special_bytes_one_by_one(data: Any, i: Any, width: Any) -> Any:
    """`special_bytes` for the last bytes of a block."""
    mask = np.uint64(0)
    for k in range(width):
        byte = data[i + k]
        if byte < 0x20 or byte >= 0x80 or byte == _QUOTE or byte == _BACKSLASH:
            mask |= np.uint64(1) << np.uint64(k)
    return mask


@part
def _character(data: Any, i: Any) -> Any:
    """Bytes of the character beyond ASCII that starts here, 2 to 4 (RFC 3629); 0 where there is none."""
    a, b = data[i], data[i + 1]
    if a < 0xC2 or a > 0xF4 or b & 0xC0 != 0x80:
        return 0
    if a < 0xE0:
        return 2
    if data[i + 2] & 0xC0 != 0x80 or (a == 0xE0 and b < 0xA0) or (a == 0xED and b >= 0xA0):
        return 0
    if a < 0xF0:
        return 3
    if data[i + 3] & 0xC0 != 0x80 or (a == 0xF0 and b < 0x90) or (a == 0xF4 and b >= 0x90):
        return 0
    return 4


@part
def _escape(data: Any, i: Any, out: Any, at: Any, copying: Any) -> Any:
    """Ends of an escape and of the character it stands for; the first is -1 where that is not sure."""
    n = data.size
    if i + 1 >= n:
        return -1, at
    letter = data[i + 1]
    if letter != _U:
        byte = _unescaped(letter)
        if copying:
            out[at] = byte
        return (i + 2, at + 1) if byte else (-1, at)
    code = _hexadecimal(data, i + 2, n)
    i += 6
    if 0xD800 <= code < 0xE000:
        if i + 1 >= n or data[i] != _BACKSLASH or data[i + 1] != _U:
            return -1, at
        low = _hexadecimal(data, i + 2, n)
        if code >= 0xDC00 or low < 0xDC00 or low >= 0xE000:
            return -1, at
        i += 6
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
    if code < 0:
        return -1, at
    return i, _encode(code, out, at, copying)


@part
def _unescaped(letter: Any) -> Any:
    """The character that a backslash and this letter stand for; 0 for none."""
    if letter == _QUOTE or letter == _BACKSLASH or letter == 0x2F:
        return letter
    if letter == _N:
        return np.uint8(_LINE_FEED)
    if letter == _T:
        return np.uint8(_TAB)
    if letter == 0x72:
        return np.uint8(_RETURN)
    if letter == 0x62:
        return np.uint8(0x08)
    if letter == _F:
        return np.uint8(0x0C)
    return np.uint8(0)


@part
def _hexadecimal(data: Any, i: Any, n: Any) -> Any:
    """The number that four digits say; negative where they are none."""
    if i + 4 > n:
        return -1
    high = _DIGITS[data[i]] << 12 | _DIGITS[data[i + 1]] << 8
    return high | _DIGITS[data[i + 2]] << 4 | _DIGITS[data[i + 3]]


@part
def _encode(code: Any, out: Any, at: Any, copying: Any) -> Any:
    """End of a code point in `out`, in UTF-8."""
    size = 1 + (code >= 0x80) + (code >= 0x800) + (code >= 0x10000)
    if not copying:
        return at + size
    if size == 1:
        out[at] = code
    elif size == 2:
        out[at] = 0xC0 | code >> 6
        out[at + 1] = 0x80 | code & 0x3F
    else:
        if size == 3:
            out[at] = 0xE0 | code >> 12
        else:
            out[at] = 0xF0 | code >> 18
            out[at + 1] = 0x80 | code >> 12 & 0x3F
        out[at + size - 2] = 0x80 | code >> 6 & 0x3F
        out[at + size - 1] = 0x80 | code & 0x3F
    return at + size


@part
def _value(data: Any, i: Any, out: Any) -> Any:
    """End of the value that starts here, or -1 where it is not sure to be one."""
    n = data.size
    depth, objects = 0, 0  # a bit for each level: whether it is an object
    while True:
        if i >= n:
            return -1
        byte = data[i]
        if byte == _QUOTE:
            i = _string(data, i + 1, out, 0, False)[0]
        elif byte == _OPEN_OBJECT or byte == _OPEN_LIST:
            i = _space(data, i + 1, n)
            if i < n and data[i] == byte + 2:  # both pairs of brackets lie two apart
                i += 1
            elif depth == _DEPTH:
                return -1
            else:
                depth += 1
                objects = objects << 1 | (byte == _OPEN_OBJECT)
                if objects & 1:
                    i = _name(data, i, n, out)
                    if i < 0:
                        return -1
                continue
        elif byte == _MINUS or _ZERO <= byte <= _NINE:
            i = _number(data, i, n)
        else:
            i = _literal(data, i, n)
        if i < 0:
            return -1
        while depth:
            i = _space(data, i, n)
            if i >= n:
                return -1
            byte = data[i]
            i += 1
            if byte == _COMMA:
                i = _space(data, i, n)
                if objects & 1:
                    i = _name(data, i, n, out)
                    if i < 0:
                        return -1
                break
            if byte != (_CLOSE_OBJECT if objects & 1 else _CLOSE_LIST):
                return -1
            depth -= 1
            objects >>= 1
        else:
            return i


@part
def _name(data: Any, i: Any, n: Any, out: Any) -> Any:
    """Where the value of a nested name starts, or -1."""
    if i >= n or data[i] != _QUOTE:
        return -1
    i = _string(data, i + 1, out, 0, False)[0]
    return _colon(data, i, n) if i >= 0 else -1


@part
def _number(data: Any, i: Any, n: Any) -> Any:
    start = i
    if data[i] == _MINUS:
        i += 1
    after = _digits(data, i, n)
    if after == i or (data[i] == _ZERO and after > i + 1):
        return -1
    i = after
    if i < n and data[i] == _DOT:
        after = _digits(data, i + 1, n)
        if after == i + 1:
            return -1
        i = after
    if i < n and data[i] | 0x20 == _EXPONENT:
        i += 1
        if i < n and (data[i] == _PLUS or data[i] == _MINUS):
            i += 1
        after = _digits(data, i, n)
        if after == i or after > i + 2:
            return -1
        i = after
    return i if i - start <= _NUMBER_BYTES else -1


@part
def _digits(data: Any, i: Any, n: Any) -> Any:
    while i < n and _ZERO <= data[i] <= _NINE:
        i += 1
    return i


@part
def _literal(data: Any, i: Any, n: Any) -> Any:
    """End of true, false or null, or -1."""
    if i + 4 > n:
        return -1
    a, b, c, d = data[i], data[i + 1], data[i + 2], data[i + 3]
    if a == _T and b == 0x72 and c == _U and d == 0x65:
        return i + 4
    if a == _N and b == _U and c == 0x6C and d == 0x6C:
        return i + 4
    if a == _F and b == 0x61 and c == 0x6C and d == 0x73 and i + 4 < n and data[i + 4] == 0x65:
        return i + 5
    return -1


@part
def _is_blank(text: Any, i: Any, end: Any) -> Any:
    """Whether text[i:end] is empty or all white space, as str.isspace() has it."""
    while i < end:
        byte = text[i]
        if byte > _SPACE and byte < 0xC2:
            return False
        if byte <= _SPACE:
            if byte < 0x09 or 0x0D < byte < 0x1C:
                return False
            i += 1
        elif byte == 0xC2:
            if text[i + 1] != 0x85 and text[i + 1] != 0xA0:
                return False
            i += 2
        elif byte == 0xE1:
            if text[i + 1] != 0x9A or text[i + 2] != 0x80:
                return False
            i += 3
        elif byte == 0xE2:
            last = text[i + 2]
            spaces = last <= 0x8A or last == 0xA8 or last == 0xA9 or last == 0xAF
            if not (text[i + 1] == 0x80 and spaces) and not (text[i + 1] == 0x81 and last == 0x9F):
                return False
            i += 3
        elif byte == 0xE3:
            if text[i + 1] != 0x80 or text[i + 2] != 0x80:
                return False
            i += 3
        else:
            return False
    return True


@loop("const u8[:], const i64[:], const i64[:], u8[:], i32[:]", returns="i64")
def _gather(data: Any, starts: Any, ends: Any, out: Any, bounds: Any) -> Any:
    """Copy strings, unescaped, one behind the other; they are known to be well-formed. Returns the bytes used."""
    at = 0
    for row in range(starts.size):
        if ends[row] > starts[row]:
            at = _string(data, starts[row], out, at, True)[1]
        bounds[row + 1] = at
    return at
