"""ICC profiles of version 2 built by hand, beside those that the library builds."""

import struct

SRGB_COLUMNS = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
P3_COLUMNS = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE_COLUMNS = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
WHITE = (0.9642, 1, 0.8249)


def fixed(values) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def profile(name: str, gamma: float, columns=()) -> bytes:
    """A profile of RGB with these columns, or of grey without any."""
    text = name.encode()
    tags = [
        (b"desc", b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(79)),
        (b"wtpt", b"XYZ " + bytes(4) + fixed(WHITE)),
    ]
    tags += [(kind, b"XYZ " + bytes(4) + fixed(column)) for kind, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=False)]
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    tags += [(kind, curve) for kind in ((b"rTRC", b"gTRC", b"bTRC") if columns else (b"kTRC",))]
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for kind, content in tags:
        table += kind + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    space = b"RGB " if columns else b"GRAY"
    head = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x02400000, b"mntr", space, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + fixed(WHITE) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + body


ADOBE, P3 = profile("Adobe RGB (1998)", 2.2, ADOBE_COLUMNS), profile("Display P3", 2.2, P3_COLUMNS)
LINEAR = profile("sRGB-elle-V2-g10.icc", 1.0, SRGB_COLUMNS)  # by its name sRGB, and linear
