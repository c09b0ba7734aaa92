import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from ganray.errors import ImageError
from ganray.images.codec import decode, decode_with_alpha
from ganray.images.colour import distance_from_srgb, to_srgb
from ganray.images.icc import srgb_profile
from ganray.images.lab import from_lab
from tests.tools.icc_profiles import ADOBE, ADOBE_COLUMNS, LINEAR, P3, P3_COLUMNS, SRGB_COLUMNS, profile

GREY_15 = profile("Gray gamma 1.5", 1.5)
COLOURS = [(200, 40, 40), (40, 180, 60), (60, 90, 200), (128, 128, 128), (255, 255, 255), (0, 0, 0)]
PLAIN = Image.fromarray(np.array([COLOURS], np.uint8))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
P3_XY = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)


def saved(image, format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(image, *chunks, **options):
    """A PNG with further chunks before its pixels."""
    data = saved(image, **options)
    at = data.index(b"IDAT") - 4
    return data[:at] + b"".join(chunk(*part) for part in chunks) + data[at:]


def cicp(primaries, transfer, matrix=0):
    return b"cICP", bytes([primaries, transfer, matrix, 1])


def gama(gamma):
    return b"gAMA", struct.pack(">I", round(gamma * 100_000))


def chrm(points):
    return b"cHRM", b"".join(struct.pack(">I", round(point * 100_000)) for point in points)


def encoded(linear):
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def expected(columns, gamma):
    """The colours in sRGB, by the columns of the profile and the power of its curve."""
    linear = (np.array(COLOURS) / 255) ** gamma
    return encoded(linear @ np.array(columns) @ np.linalg.inv(np.array(SRGB_COLUMNS)))


def shown(data):
    return decode(data).pixels[0].astype(int)


def test_alpha_goes_on_white():
    image = Image.new("RGBA", (3, 1))
    image.putdata([(200, 0, 0, 255), (0, 0, 0, 0), (0, 0, 0, 128)])
    assert np.asarray(to_srgb(image))[0].tolist() == [[200, 0, 0], [255, 255, 255], [127, 127, 127]]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "La", "CMYK", "YCbCr", "HSV", "LAB", "I;16"])
def test_every_plain_mode_becomes_rgb(mode):
    assert to_srgb(Image.new(mode, (4, 3))).mode == "RGB"


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "La", "CMYK", "YCbCr", "HSV", "LAB", "I;16", "I"]
)
@pytest.mark.parametrize("icc", [LINEAR, GREY_15], ids=["rgb", "grey"])
def test_every_mode_takes_a_profile_or_ignores_it(mode, icc):
    image = Image.new(mode, (4, 3))
    image.info["icc_profile"] = icc
    assert to_srgb(image).mode == "RGB"


def test_a_transparent_palette_entry_is_white():
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putdata([0, 1])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=1)
    assert decode(buffer.getvalue()).pixels[0].tolist() == [[255, 0, 0], [255, 255, 255]]


def test_sixteen_bit_grey_keeps_the_high_byte():
    image = Image.fromarray(np.array([[0, 256, 0x8000, 65535]], np.uint16))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    assert decode(buffer.getvalue()).pixels[0, :, 0].tolist() == [0, 1, 128, 255]


def test_a_profile_that_is_broken_or_of_another_model_is_ignored():
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for icc in (lab, b"not a profile", ADOBE[:300], GREY_15):
        image = Image.new("RGB", (2, 2), (200, 100, 50))
        image.info["icc_profile"] = icc
        assert to_srgb(image).getpixel((0, 0)) == (200, 100, 50)


@pytest.mark.parametrize(
    ("icc", "columns", "gamma"),
    [
        (ADOBE, ADOBE_COLUMNS, 2.2),
        (P3, P3_COLUMNS, 2.2),
        (LINEAR, SRGB_COLUMNS, 1.0),
        (profile("sRGB IEC61966-2.1", 2.2, P3_COLUMNS), P3_COLUMNS, 2.2),  # by its name alone
    ],
    ids=["adobe", "p3", "linear by name sRGB", "p3 by name sRGB"],
)
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_a_profile_counts_by_its_content_and_not_by_its_name(icc, columns, gamma, format):
    data = saved(PLAIN, format, icc_profile=icc, **({"lossless": True} if format == "WEBP" else {}))
    np.testing.assert_allclose(shown(data), expected(columns, gamma), atol=2)
    distance, name = distance_from_srgb(Image.open(io.BytesIO(data)), data)
    assert distance > 20 and name


@pytest.mark.parametrize("icc", [SRGB, srgb_profile(), profile("a simple one", 2.2, SRGB_COLUMNS)])
def test_a_profile_of_srgb_passes_for_it_and_exact_ones_keep_every_bit(icc):
    data = saved(PLAIN, icc_profile=icc)
    assert np.abs(shown(data) - np.array(COLOURS)).max() <= (8 if b"simple" in icc else 0)
    assert distance_from_srgb(Image.open(io.BytesIO(data)), data)[0] <= 10


@pytest.mark.parametrize("mode", ["L", "LA", "I;16", "LA 16", "clear"])
def test_grey_with_a_profile_of_grey(mode):
    grey = np.array([[0, 40, 128, 200, 255]], np.uint8)
    if mode == "I;16":
        data = saved(Image.fromarray(grey.astype(np.uint16) * 257), icc_profile=GREY_15)
    elif mode == "LA 16":
        data = sixteen_bit_png(np.stack([grey, np.full_like(grey, 255)], -1).astype(np.uint16) * 257, 4, GREY_15)
    elif mode == "clear":
        data = saved(Image.fromarray(grey), icc_profile=GREY_15, transparency=0)
    else:
        data = saved(Image.fromarray(grey).convert(mode), icc_profile=GREY_15)
    right = encoded((grey[0] / 255) ** 1.5)
    if mode == "clear":
        right[0] = 255
        assert decode_with_alpha(data)[1][0].tolist() == [0, 255, 255, 255, 255]
    np.testing.assert_allclose(shown(data), np.repeat(right[:, None], 3, 1), atol=1)


def sixteen_bit_png(values, colour_type, icc=b"", *chunks):
    """uint16 [H, W, C] as a PNG."""
    height, width = values.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in values)
    more = [(b"iCCP", b"icc\x00\x00" + zlib.compress(icc))] if icc else []
    parts = [(b"IHDR", head), *more, *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def test_half_transparent_grey_is_converted_before_it_goes_on_white():
    data = saved(Image.merge("LA", (Image.new("L", (2, 2), 100), Image.new("L", (2, 2), 128))), icc_profile=GREY_15)
    grey = encoded((100 / 255) ** 1.5)
    np.testing.assert_allclose(shown(data)[0], 255 + (grey - 255) * 128 / 255, atol=1.5)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
def test_grey_with_a_profile_of_rgb(format):
    data = saved(Image.new("L", (8, 8), 100), format, icc_profile=LINEAR)
    np.testing.assert_allclose(shown(data)[0], encoded(100 / 255), atol=1.5)


@pytest.mark.parametrize("mode", ["P", "1"])
def test_palettes_and_bitmaps_with_a_profile(mode):
    data = saved(PLAIN.convert(mode), icc_profile=LINEAR)
    own = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[0]
    np.testing.assert_allclose(shown(data), encoded(own / 255), atol=2)


@pytest.mark.parametrize(
    ("chunks", "icc", "columns", "gamma"),
    [
        ([cicp(1, 8)], None, SRGB_COLUMNS, 1.0),
        ([cicp(12, 4)], None, P3_COLUMNS, 2.2),
        ([cicp(1, 8)], ADOBE, SRGB_COLUMNS, 1.0),
        ([cicp(12, 4), (b"sRGB", b"\x00"), gama(1.0)], None, P3_COLUMNS, 2.2),
        ([cicp(3, 3)], ADOBE, ADOBE_COLUMNS, 2.2),  # reserved: not used
        ([cicp(12, 4, matrix=1)], ADOBE, ADOBE_COLUMNS, 2.2),  # not of RGB
        ([gama(1.0)], ADOBE, ADOBE_COLUMNS, 2.2),
        ([gama(1.0)], None, SRGB_COLUMNS, 1.0),
        ([gama(1.0)], GREY_15, SRGB_COLUMNS, 1.0),  # the profile is not for RGB
        ([gama(1 / 1.8)], None, SRGB_COLUMNS, 1.8),
        ([gama(1 / 2.2), chrm(P3_XY)], None, P3_COLUMNS, 2.2),
        ([gama(1.0), chrm(P3_XY)], None, P3_COLUMNS, 1.0),
    ],
)
def test_what_a_png_says_of_its_colours_in_the_order_of_the_standard(chunks, icc, columns, gamma):
    data = png(PLAIN, *chunks, **({"icc_profile": icc} if icc else {}))
    np.testing.assert_allclose(shown(data), expected(columns, gamma), atol=2.5)


@pytest.mark.parametrize(
    "chunks",
    [
        [gama(1 / 2.2)],
        [gama(0.46)],
        [gama(1 / 2.2), chrm((0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06))],
        [chrm((0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06))],
        [(b"sRGB", b"\x00"), gama(1.0), chrm(P3_XY)],
        [cicp(1, 13), gama(1.0)],
        [cicp(2, 2)],
        [gama(0)],
        [gama(1 / 2.2), chrm((0,) * 8)],
    ],
)
@pytest.mark.parametrize("icc", [None, SRGB])
def test_a_png_that_means_srgb_keeps_every_bit(chunks, icc):
    data = png(PLAIN, *chunks, **({"icc_profile": icc} if icc else {}))
    assert shown(data).tolist() == [list(colour) for colour in COLOURS]


def test_alpha_is_no_colour():
    image = PLAIN.copy()
    image.putalpha(100)
    data = png(image, gama(1.0))
    assert (decode_with_alpha(data)[1] == 100).all()
    np.testing.assert_allclose(shown(data), 255 + (expected(SRGB_COLUMNS, 1.0) - 255) * 100 / 255, atol=2)


def avif(primaries, transfer, **options):
    data = saved(PLAIN.resize((60, 10), Image.Resampling.NEAREST), "AVIF", quality=100, subsampling="4:4:4", **options)
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


@pytest.mark.parametrize(("primaries", "transfer", "columns", "gamma"), [(12, 4, P3_COLUMNS, 2.2), (1, 8, SRGB_COLUMNS, 1.0)])
def test_code_points_in_avif(primaries, transfer, columns, gamma):
    np.testing.assert_allclose(shown(avif(primaries, transfer))[5::10], expected(columns, gamma), atol=6)


def test_avif_of_srgb_is_as_it_was():
    np.testing.assert_allclose(shown(avif(1, 13))[5::10], COLOURS, atol=2)
    np.testing.assert_allclose(shown(avif(2, 2))[5::10], COLOURS, atol=2)


def bmp(space, points=(), gammas=(), icc=b""):
    """A BITMAPV5HEADER with this colour space."""
    plain = saved(PLAIN, "BMP")
    pixels = plain[int.from_bytes(plain[10:14], "little") :]
    ends = b"".join(struct.pack("<i", round(point * 2**30)) for point in points).ljust(36, b"\0")
    head = struct.pack("<I", 124) + plain[18:54] + struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0) + struct.pack("<I", space) + ends
    head += b"".join(struct.pack("<I", round(gamma * 2**16)) for gamma in gammas).ljust(12, b"\0")
    head += struct.pack("<4I", 4, 124 + len(pixels), len(icc), 0)
    return b"BM" + struct.pack("<III", 14 + 124 + len(pixels) + len(icc), 0, 138) + head + pixels + icc


def test_colour_spaces_of_bmp():
    np.testing.assert_allclose(shown(bmp(0x4D424544, icc=ADOBE)), expected(ADOBE_COLUMNS, 2.2), atol=2)
    linear = bmp(0, (0.4124, 0.2126, 0.0193, 0.3576, 0.7152, 0.1192, 0.1805, 0.0722, 0.9505), (1.0,) * 3)
    np.testing.assert_allclose(shown(linear), expected(SRGB_COLUMNS, 1.0), atol=2)
    for same in (bmp(0x73524742), bmp(0), saved(PLAIN, "BMP")):
        assert shown(same).tolist() == [list(colour) for colour in COLOURS]


def cmyk_profile():
    """Ink to Lab by a table of its 16 corners: C, M, Y and K each full or none."""
    corners = [
        [255 * (1 - max(k, (c + m + y) / 3)), 128 + 40 * (m - c), 128 + 60 * (y - (c + m) / 2)] for c, m, y, k in np.ndindex(2, 2, 2, 2)
    ]
    table = np.clip(np.rint(corners), 0, 255).astype(np.uint8).tobytes()
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 * (place % 4 == 0) for place in range(9)))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + ramp * 4 + table + ramp * 3
    head = struct.pack(">I4sI4s4s4s", 144 + len(lut), bytes(4), 0x02400000, b"prtr", b"CMYK", b"Lab ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return head + struct.pack(">I4sII", 1, b"A2B0", 144, len(lut)) + lut


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_ink_with_a_profile_and_without(format):
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    options = {"quality": 100} if format == "JPEG" else {}
    np.testing.assert_allclose(shown(saved(ink, format, **options))[0], (255, 0, 0), atol=3)
    for wrong in (ADOBE, b"broken"):
        np.testing.assert_allclose(shown(saved(ink, format, icc_profile=wrong, **options))[0], (255, 0, 0), atol=3)
    right = from_lab(np.array([[100 / 3, 40, 30]], np.float32))[0]
    np.testing.assert_allclose(shown(saved(ink, format, icc_profile=cmyk_profile(), **options))[0], right, atol=4)


def test_numbers_beyond_sixteen_bits_are_no_grey():
    for values in (-1, 70_000):
        with pytest.raises(ImageError, match="cannot be converted"):
            to_srgb(Image.fromarray(np.full((2, 2), values, np.int32)))


def test_text_chunks_say_nothing():
    info = PngImagePlugin.PngInfo()
    info.add_text("icc_profile", "x")
    assert shown(saved(PLAIN, pnginfo=info)).tolist() == [list(colour) for colour in COLOURS]
