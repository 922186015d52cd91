"""Sixty-four bytes at a time: what the span scanner needs and numba does not say.

The compiler turns each of these into the widest instructions of the processor at hand (AVX-512, AVX2, NEON).
All of them touch bytes [i, i + `LANES`) of their arrays, which must be there.
"""

from typing import Any

from wellkeeper.native import intrinsic

LANES = 64


def _place(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    from llvmlite import ir

    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), ir.VectorType(ir.IntType(8), LANES).as_pointer())


@intrinsic
def specials() -> Any:
    """Of (data, i): bit k is set where data[i + k] ends a plain run of a JSON string.

    Those are the quote, the backslash, control characters and every byte that is no ASCII.
    """
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic as declare

    def specials(_context: Any, array: Any, index: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            block = builder.load(_place(context, builder, signature.args[0], *arguments), align=1)

            def all_of(byte: int) -> Any:
                return ir.Constant(block.type, [byte] * LANES)

            # Bytes from 0x80 are negative numbers, and so are below 0x20 as the control characters are.
            odd = builder.icmp_signed("<", block, all_of(0x20))
            quote = builder.icmp_unsigned("==", block, all_of(ord('"')))
            backslash = builder.icmp_unsigned("==", block, all_of(ord("\\")))
            return builder.bitcast(builder.or_(odd, builder.or_(quote, backslash)), ir.IntType(LANES))

        return types.uint64(array, index), code

    return declare(specials)


@intrinsic
def copy_lanes() -> Any:
    """Of (data, i, out, at): data[i:i + 64] goes to out[at:at + 64]. Returns 64."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic as declare

    def copy_lanes(_context: Any, data: Any, i: Any, out: Any, at: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            source, i, target, at = arguments
            block = builder.load(_place(context, builder, signature.args[0], source, i), align=1)
            builder.store(block, _place(context, builder, signature.args[2], target, at), align=1)
            return ir.Constant(ir.IntType(64), LANES)

        return types.int64(data, i, out, at), code

    return declare(copy_lanes)


@intrinsic
def first_bit() -> Any:
    """The place, 0 to 63, of the lowest bit that is set in a mask, which must not be 0."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic as declare

    def first_bit(_context: Any, _mask: Any) -> Any:
        def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

        return types.int64(types.uint64), code

    return declare(first_bit)
