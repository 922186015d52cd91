"""What compiled loops need and numba does not say: eight or sixty-four bytes at a time.

The compiler turns each of these into the widest instructions of the processor at hand (AVX-512, AVX2, NEON).
They read beyond the byte they are asked for: the caller sees to it that `PADDING` bytes follow the last one.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.native import Intrinsic, intrinsic

LANES = 64
"""Bytes that are looked at together, and bits of the masks made of them."""

PADDING = LANES
"""Bytes that must be readable behind the last byte of interest."""

ALL_BITS = np.uint64(0xFFFFFFFFFFFFFFFF)


class Block:
    """`LANES` bytes in a register. Comparisons give one bit a byte; their results combine with `|`."""

    def __init__(self, builder: Any, value: Any) -> None:
        self._builder, self.value = builder, value

    def __or__(self, other: "Block | int") -> "Block":
        return self._made(self._builder.or_(self.value, self._all_of(other)))

    def equals(self, byte: str) -> "Block":
        return self._made(self._builder.icmp_unsigned("==", self.value, self._all_of(ord(byte))))

    def between(self, first: str, last: str) -> "Block":
        """Which bytes are one of `first` to `last`."""
        place = self._builder.sub(self.value, self._all_of(ord(first)))
        return self._made(self._builder.icmp_unsigned("<=", place, self._all_of(ord(last) - ord(first))))

    def below(self, limit: int) -> "Block":
        """Which bytes are below `limit`, at most 127, where those from 0x80 on count as negative numbers."""
        return self._made(self._builder.icmp_signed("<", self.value, self._all_of(limit)))

    def _made(self, value: Any) -> "Block":
        return Block(self._builder, value)

    def _all_of(self, other: "Block | int") -> Any:
        from llvmlite import ir

        return other.value if isinstance(other, Block) else ir.Constant(self.value.type, [other] * LANES)


def bytes_that(holds: Callable[[Block], Block]) -> Intrinsic:
    """Make an intrinsic of (data, i): bit k, k < `LANES`, is set where the predicate holds for data[i + k]."""

    def declared() -> Any:
        from llvmlite import ir
        from numba import types
        from numba.extending import intrinsic as declare

        def typed(_context: Any, array: Any, index: Any) -> Any:
            def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                data, i = arguments
                where = _place(context, builder, signature.args[0], data, i, _lanes())
                found = holds(Block(builder, builder.load(where, align=1)))
                return builder.bitcast(found.value, ir.IntType(LANES))

            return types.uint64(array, index), code

        typed.__name__ = holds.__name__
        return declare(typed)

    declared.__name__, declared.__doc__ = holds.__name__, holds.__doc__
    return intrinsic(declared)


@bytes_that
def word_bytes(block: Block) -> Block:
    """ASCII letters, digits and '_'."""
    return (block | 0x20).between("a", "z") | block.between("0", "9") | block.equals("_")


@bytes_that
def letter_bytes(block: Block) -> Block:
    """ASCII letters."""
    return (block | 0x20).between("a", "z")


@bytes_that
def high_bytes(block: Block) -> Block:
    """Bytes that are no ASCII."""
    return block.below(0)


@bytes_that
def line_feeds(block: Block) -> Block:
    r"""Bytes that are '\n'."""
    return block.equals("\n")


@bytes_that
def special_bytes(block: Block) -> Block:
    r"""Bytes that end a plain run of a JSON string: '"', '\', control characters and those that are no ASCII."""
    return block.below(0x20) | block.equals('"') | block.equals("\\")


@intrinsic
def load64() -> Any:
    """The bytes data[i:i + 8] as one little-endian number, of (data, i)."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic as declare

    def load64(_context: Any, array: Any, index: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data, i = arguments
            where = _place(context, builder, signature.args[0], data, i, ir.IntType(64))
            return builder.load(where, align=1)

        return types.uint64(array, index), code

    return declare(load64)


@intrinsic
def copy_lanes() -> Any:
    """Of (data, i, out, at): data[i:i + LANES] goes to out[at:at + LANES], both of which must be there.

    Returns LANES.
    """
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic as declare

    def copy_lanes(_context: Any, data: Any, i: Any, out: Any, at: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            source, i, target, at = arguments
            block = builder.load(_place(context, builder, signature.args[0], source, i, _lanes()), align=1)
            where = _place(context, builder, signature.args[2], target, at, _lanes())
            builder.store(block, where, align=1)
            return ir.Constant(ir.IntType(64), LANES)

        return types.int64(data, i, out, at), code

    return declare(copy_lanes)


@intrinsic
def bits_set() -> Any:
    """Of (mask): how many of its bits are set."""
    from numba import types
    from numba.extending import intrinsic as declare

    def bits_set(_context: Any, _mask: Any) -> Any:
        def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.ctpop(arguments[0])

        return types.int64(types.uint64), code

    return declare(bits_set)


@intrinsic
def first_bit() -> Any:
    """Of (mask): the place, 0 to 63, of the lowest bit that is set; the mask must not be 0."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic as declare

    def first_bit(_context: Any, _mask: Any) -> Any:
        def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

        return types.int64(types.uint64), code

    return declare(first_bit)


def windows_in(*, multiplier: int, shift: int, fold: int) -> Intrinsic:
    """Make an intrinsic of (data, i, bits): bit k, k < 16, is set where data[i + 4k:i + 4k + 4] is in a set.

    The four bytes, as a little-endian number of 32 bits, are in it where bit h of `bits`, an array of u32, is set:
    h = (number | fold) * multiplier >> shift, modulo 2 ** 32.
    """

    def declared() -> Any:
        from llvmlite import ir
        from numba import types
        from numba.extending import intrinsic as declare

        count = LANES // 4
        lanes = ir.VectorType(ir.IntType(32), count)

        def all_of(number: int) -> Any:
            return ir.Constant(lanes, [number] * count)

        def windows_found(_context: Any, data: Any, i: Any, bits: Any) -> Any:
            def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                text, i, bits = arguments
                windows = builder.load(_place(context, builder, signature.args[0], text, i, lanes), align=1)
                folded = builder.or_(windows, all_of(fold))
                hashed = builder.lshr(builder.mul(folded, all_of(multiplier)), all_of(shift))
                words = _gathered(
                    context, builder, signature.args[2], bits, builder.lshr(hashed, all_of(5)), lanes
                )
                found = builder.lshr(words, builder.and_(hashed, all_of(31)))
                flags = builder.trunc(found, ir.VectorType(ir.IntType(1), count))
                return builder.zext(builder.bitcast(flags, ir.IntType(count)), ir.IntType(64))

            return types.uint64(data, i, bits), code

        return declare(windows_found)

    return intrinsic(declared)


def _lanes() -> Any:
    from llvmlite import ir

    return ir.VectorType(ir.IntType(8), LANES)


def _place(context: Any, builder: Any, array_type: Any, array: Any, index: Any, type_: Any) -> Any:
    """A pointer to what of this type starts at a byte of an array."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), type_.as_pointer())


def _gathered(context: Any, builder: Any, array_type: Any, array: Any, indices: Any, lanes: Any) -> Any:
    """Items of an array of 32-bit numbers at a vector of indices, `lanes` being the type of both vectors."""
    from llvmlite import ir

    count, item = lanes.count, lanes.element
    data = context.make_array(array_type)(context, builder, array).data
    wide = ir.VectorType(ir.IntType(64), count)
    base = builder.insert_element(
        ir.Constant(wide, ir.Undefined), builder.ptrtoint(data, wide.element), ir.Constant(ir.IntType(32), 0)
    )
    base = builder.shuffle_vector(base, base, ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count))
    places = builder.add(base, builder.shl(builder.zext(indices, wide), ir.Constant(wide, [2] * count)))
    pointers = builder.inttoptr(places, ir.VectorType(item.as_pointer(), count))
    flags = ir.VectorType(ir.IntType(1), count)
    kind = ir.FunctionType(lanes, [pointers.type, ir.IntType(32), flags, lanes])
    name = f"llvm.masked.gather.v{count}i{item.width}.v{count}p0"
    gather = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    all_ = ir.Constant(flags, [1] * count)
    return builder.call(
        gather, [pointers, ir.Constant(ir.IntType(32), 4), all_, ir.Constant(lanes, ir.Undefined)]
    )


def padded(
    data: NDArray[np.uint8], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The same documents with `PADDING` bytes behind the last: loops look beyond the byte they are at."""
    if not offsets.size or offsets[-1] + PADDING <= data.size:
        return np.ascontiguousarray(data), np.ascontiguousarray(offsets)
    begin, end = int(offsets[0]), int(offsets[-1])
    padded = np.zeros(end - begin + PADDING, np.uint8)
    padded[: end - begin] = data[begin:end]
    return padded, offsets - begin
