"""What compiled loops need and numba does not say: eight or sixty-four bytes at a time.

The compiler turns each of these into the widest instructions of the processor at hand (AVX-512, AVX2, NEON).
They read beyond the byte they are asked for: the caller sees to it that `PADDING` bytes follow the last one.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

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
                place = _place(context, builder, signature.args[0], data, i, _lanes())
                found = holds(Block(builder, builder.load(place, align=1)))
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
            place = _place(context, builder, signature.args[0], data, i, ir.IntType(64))
            return builder.load(place, align=1)

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
            place = _place(context, builder, signature.args[2], target, at, _lanes())
            builder.store(block, place, align=1)
            return ir.Constant(ir.IntType(64), LANES)

        return types.int64(data, i, out, at), code

    return declare(copy_lanes)


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


def _lanes() -> Any:
    from llvmlite import ir

    return ir.VectorType(ir.IntType(8), LANES)


def _place(context: Any, builder: Any, array_type: Any, array: Any, index: Any, type_: Any) -> Any:
    """A pointer to what of this type starts at a byte of an array."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), type_.as_pointer())
