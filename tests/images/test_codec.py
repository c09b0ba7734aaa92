import io
import re
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from ganray.errors import ImageError
from ganray.images.codec import Limits, decode, decode_prepared, decode_with_alpha, encode, to_float, to_pixels


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def quarters(width: int = 40, height: int = 20) -> np.ndarray:
    """Red, green over blue, yellow: any turn or mirror changes it."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 255)
    pixels[height // 2 :, width // 2 :] = (255, 255, 0)
    return pixels


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "GIF"])
def test_decode_returns_the_pixels_of_lossless_formats(kind):
    decoded = decode(saved(Image.fromarray(quarters()), kind, **({"lossless": True} if kind == "WEBP" else {})))
    assert decoded.format == kind
    assert decoded.original_size == (40, 20)
    np.testing.assert_array_equal(decoded.pixels, quarters())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_decode_turns_every_exif_orientation_upright(orientation, kind):
    upright = Image.fromarray(quarters())
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transpose that a camera held that way applies
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(saved(stored, kind, exif=exif))
    assert decoded.original_size == (40, 20)
    assert np.abs(decoded.pixels[3::14, 3::30].astype(int) - quarters()[3::14, 3::30]).max() < 30


def test_decode_drops_all_metadata():
    exif = Image.Exif()
    exif[0x010E], exif[0x8825] = "secret description", {1: "N", 2: (52.0, 31.0, 0.0)}
    data = saved(Image.fromarray(quarters()), "JPEG", exif=exif, comment=b"secret comment", xmp=b"<secret/>")
    decoded = decode(data + b"secret trailer")
    assert decoded.image.info == {}
    for kind in ("png", "jpeg", "webp"):
        again = encode(decoded.pixels, kind)
        assert b"secret" not in again
        assert not Image.open(io.BytesIO(again)).getexif()


@pytest.mark.parametrize("cover", [False, True])
def test_decode_shrinks_jpegs_while_decoding_but_keeps_twice_the_side(cover):
    data = saved(Image.fromarray(quarters(1600, 800)), "JPEG", quality=95)
    decoded = decode(data, side=64, cover=cover)
    assert decoded.original_size == (1600, 800)
    assert decoded.image.size == ((400, 200) if cover else (200, 100))
    assert decode(data).image.size == (1600, 800)


@pytest.mark.parametrize(
    ("reason", "data"),
    [
        ("empty", b""),
        ("too_many_bytes", b"x" * 5001),
        ("unknown_format", b"plain text that calls itself a picture"),
        ("unknown_format", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
        ("too_many_pixels", saved(Image.new("L", (200, 101)))),
        ("too_many_pixels", saved(Image.new("1", (301, 1)))),
        ("animated", saved(Image.new("L", (8, 8)), "GIF", save_all=True, append_images=[Image.new("L", (8, 8), 200)])),
        ("truncated", saved(Image.effect_noise((90, 90), 50), "JPEG")[:-900]),
        ("truncated", saved(Image.effect_noise((60, 60), 50), "PNG")[:-900]),
        ("unsupported_mode", saved(Image.new("F", (8, 8)), "TIFF")),
        ("unsupported_mode", saved(Image.new("I", (8, 8), -5), "TIFF")),
    ],
)
def test_decode_names_the_reason(reason, data):
    with pytest.raises(ImageError) as caught:
        decode(data, Limits(max_bytes=5000, max_pixels=20_000, max_side=300))
    assert caught.value.reason == reason


def test_a_huge_header_costs_nothing():
    bomb = bytearray(saved(Image.new("1", (8, 8)), "BMP"))
    bomb[18:26] = (30_000).to_bytes(4, "little") * 2
    with pytest.raises(ImageError) as caught:
        decode(bytes(bomb))
    assert caught.value.reason == "too_many_pixels"


def test_a_format_is_known_by_its_bytes_not_its_name():
    assert decode(saved(Image.fromarray(quarters()), "PNG")).format == "PNG"


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_lossless_round_trip_and_equal_bytes(kind):
    pixels = np.random.default_rng(0).integers(0, 256, (33, 31, 3), np.uint8)
    data = encode(pixels, kind)
    assert data == encode(pixels.copy(), kind)
    np.testing.assert_array_equal(decode_prepared(data), pixels)


def test_jpeg_keeps_far_white_white():
    pixels = np.full((128, 128, 3), 255, np.uint8)
    pixels[48:80, 48:80] = (200, 20, 20)
    assert (decode_prepared(encode(pixels, "jpeg"))[:24] == 255).all()


def test_every_byte_value_survives_float_and_back():
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1).repeat(2, 1, 1, 3)
    x = to_float(pixels)
    assert x.shape == (2, 3, 16, 16)
    assert (x.min(), x.max()) == (-1.0, 1.0)
    assert x.is_contiguous()
    assert torch.equal(to_pixels(x), pixels)


def test_one_channel_is_luma_in_and_grey_out():
    pixels = torch.tensor([[[[255, 0, 0], [0, 255, 0], [0, 0, 255], [90, 90, 90]]]], dtype=torch.uint8)
    x = to_float(pixels, channels=1)
    assert x.shape == (1, 1, 1, 4)
    assert to_pixels(x)[0, 0].tolist() == [[76] * 3, [150] * 3, [29] * 3, [90] * 3]


def test_to_pixels_clamps():
    assert to_pixels(torch.tensor([-9.0, -1.0, 0.0, 1.0, 9.0]).reshape(1, 1, 1, 5))[0, 0, :, 0].tolist() == [0, 0, 128, 255, 255]


@pytest.mark.parametrize("format", ["png", "webp", "avif"])
def test_alpha_goes_in_and_comes_out(format):
    rng = np.random.default_rng(0)
    pixels, alpha = rng.integers(0, 256, (24, 16, 3), np.uint8), np.full((24, 16), 255, np.uint8)
    alpha[:, :5] = 0
    data = encode(pixels, format, alpha=alpha)
    assert data == encode(pixels, format, alpha=alpha)
    decoded, channel = decode_with_alpha(data)
    np.testing.assert_array_equal(channel, alpha)
    assert (decoded.pixels[:, :5] == 255).all()  # alpha on white
    if format != "avif":
        np.testing.assert_array_equal(decoded.pixels[:, 5:], pixels[:, 5:])


def test_a_jpeg_holds_no_alpha():
    with pytest.raises(ImageError, match="Ask for png") as caught:
        encode(np.zeros((8, 8, 3), np.uint8), "jpeg", alpha=np.zeros((8, 8), np.uint8))
    assert caught.value.reason == "no_alpha"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_alpha_of_every_mode_and_none_where_all_is_opaque(mode):
    image = Image.new("RGBA", (6, 4), (200, 10, 10, 255))
    image.putpixel((1, 2), (0, 0, 0, 0))
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    channel = decode_with_alpha(saved(image))[1]
    assert channel is None if mode == "RGB" else channel[2, 1] == 0 and (np.delete(channel.ravel(), 13) == 255).all()
    assert decode_with_alpha(saved(Image.new("RGBA", (6, 4), (1, 2, 3, 255))))[1] is None


def test_alpha_turns_with_the_image():
    image = Image.new("RGBA", (6, 4), (9, 9, 9, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded, alpha = decode_with_alpha(saved(image, exif=exif))
    assert decoded.pixels.shape == (6, 4, 3)
    assert np.argwhere(alpha == 0).tolist() == [[0, 3]]


def test_a_bmp_whose_fourth_byte_is_empty_is_opaque():
    """As Windows programs write it and browsers show it; one with alpha keeps it."""
    for level, opaque in ((0, True), (128, False)):
        pixels = bytes([16, 32, 200, level]) * 64
        masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        header = struct.pack("<IiiHHIIiiII", 108, 8, 8, 1, 32, 3, len(pixels), 2835, 2835, 0, 0) + masks + b"BGRs" + bytes(48)
        data = b"BM" + struct.pack("<IHHI", 14 + len(header) + len(pixels), 0, 0, 14 + len(header)) + header + pixels
        decoded, alpha = decode_with_alpha(data)
        assert (decoded.pixels == (200, 32, 16)).all()
        assert (alpha is None) == opaque


def test_the_colours_under_transparency_are_straight_and_white_where_nothing_is_seen():
    alpha = np.array([[0, 1, 128, 255]], np.uint8)
    decoded, read = decode_with_alpha(encode(np.full((1, 4, 3), (10, 20, 30), np.uint8), "png", alpha=alpha))
    assert np.array_equal(read, alpha)
    assert decoded.pixels.tolist() == [[[255] * 3, *[[10, 20, 30]] * 3]]
    assert decode(encode(np.full((1, 4, 3), (10, 20, 30), np.uint8), "png", alpha=alpha)).pixels[0, 0].tolist() == [255] * 3


def header_of(width, height):
    """A grey PNG of that size whose data ends at once."""
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), b"IDAT" + zlib.compress(bytes(9)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) for body in chunks)


@pytest.mark.parametrize(("width", "height"), [(20_000, 500), (14_000, 13_000), (30_000, 20)])
def test_the_limit_that_an_error_names_lets_the_image_in(width, height):
    with pytest.raises(ImageError) as raised:
        decode(header_of(width, height))
    assert raised.value.reason == "too_many_pixels"
    needed = int(re.search(r"raise max_pixels to ([\d,]+)$", str(raised.value))[1].replace(",", ""))
    with pytest.raises(ImageError) as later:
        decode(header_of(width, height), Limits(max_pixels=needed))
    assert later.value.reason == "truncated" or "truncated" in str(later.value), "past the caps, the file ends"


def test_above_the_ceiling_no_limit_is_named_as_a_remedy():
    with pytest.raises(ImageError, match=r"Send a smaller image: max_pixels goes up to 1,000,000,000$"):
        decode(header_of(60_000, 60_000))
