"""Networks of one layer as ONNX, written by hand: the tests need no other package for it."""

import struct


def number(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(tag, value):
    """A field of a protocol buffer: a number, or text or bytes with their length."""
    if isinstance(value, int):
        return number(tag << 3) + number(value)
    value = value.encode() if isinstance(value, str) else value
    return number(tag << 3 | 2) + number(len(value)) + value


def port(name, columns):
    rows = field(1, field(2, "rows"))
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, rows + field(1, field(1, columns)))))


def tensor(name, shape, values):
    return (b"".join(field(1, size) for size in shape) + field(2, 1) + field(8, name)
            + field(9, struct.pack(f"<{len(values)}f", *values)))


def node(op, inputs, output):
    return b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, op)


def linear(weights, bias, then="Identity"):
    """float32 x [rows, inputs] -> y [rows, outputs] = then(x weights + bias); weights: a list for each input."""
    graph = (field(1, node("MatMul", ["x", "w"], "xw")) + field(1, node("Add", ["xw", "b"], "z"))
             + field(1, node(then, ["z"], "y")) + field(2, "linear")
             + field(5, tensor("w", [len(weights), len(bias)], [value for row in weights for value in row]))
             + field(5, tensor("b", [len(bias)], bias))
             + field(11, port("x", len(weights))) + field(12, port("y", len(bias))))
    return field(1, 8) + field(7, graph) + field(8, field(2, 17))
