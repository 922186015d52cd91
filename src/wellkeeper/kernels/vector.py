"""What compiled loops need and numba does not say: eight or sixty-four bytes at a time.

The compiler turns each of these into the widest instructions of the processor at hand (AVX-512, AVX2, NEON).
They read beyond the byte they are asked for: the caller sees to it that `PADDING` bytes follow the last one.
"""

from typing import Any

import numpy as np

from wellkeeper.native import intrinsic

ALL_BITS = np.uint64(0xFFFFFFFFFFFFFFFF)

PADDING = 64
"""Bytes that must be readable behind the last byte of interest."""


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any, target: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), target.as_pointer())


@intrinsic
def load64() -> Any:
    """The bytes data[i:i + 8] as one little-endian number, of (data, i)."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic as declare

    def load64(_context: Any, array: Any, index: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array_, index_ = arguments
            place = _pointer(context, builder, signature.args[0], array_, index_, ir.IntType(64))
            return builder.load(place, align=1)

        return types.uint64(array, index), code

    return declare(load64)


@intrinsic
def word_bytes() -> Any:
    """Of (data, i): bit k is set where data[i + k], k < 64, is an ASCII letter, a digit or '_'."""

    def mask(ir: Any, builder: Any, block: Any) -> Any:
        def all_of(byte: int) -> Any:
            return ir.Constant(block.type, [byte] * 64)

        lower = builder.or_(block, all_of(0x20))
        letter = builder.icmp_unsigned("<=", builder.sub(lower, all_of(ord("a"))), all_of(25))
        digit = builder.icmp_unsigned("<=", builder.sub(block, all_of(ord("0"))), all_of(9))
        joiner = builder.icmp_unsigned("==", block, all_of(ord("_")))
        return builder.or_(builder.or_(letter, digit), joiner)

    return _mask_of_64(mask, "word_bytes")


@intrinsic
def letter_bytes() -> Any:
    """Of (data, i): bit k is set where data[i + k], k < 64, is an ASCII letter."""

    def mask(ir: Any, builder: Any, block: Any) -> Any:
        lower = builder.or_(block, ir.Constant(block.type, [0x20] * 64))
        place = builder.sub(lower, ir.Constant(block.type, [ord("a")] * 64))
        return builder.icmp_unsigned("<=", place, ir.Constant(block.type, [25] * 64))

    return _mask_of_64(mask, "letter_bytes")


@intrinsic
def high_bytes() -> Any:
    """Of (data, i): bit k is set where data[i + k], k < 64, is no ASCII."""

    def mask(ir: Any, builder: Any, block: Any) -> Any:
        return builder.icmp_signed("<", block, ir.Constant(block.type, [0] * 64))

    return _mask_of_64(mask, "high_bytes")


def _mask_of_64(mask: Any, name: str) -> Any:
    """An intrinsic that loads 64 bytes and makes one bit of each."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic as declare

    def typed(_context: Any, array: Any, index: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            place = _pointer(
                context, builder, signature.args[0], *arguments, ir.VectorType(ir.IntType(8), 64)
            )
            block = builder.load(place, align=1)
            return builder.bitcast(mask(ir, builder, block), ir.IntType(64))

        return types.uint64(array, index), code

    typed.__name__ = name
    return declare(typed)


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
