import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from ganray.images.codec import decode
from ganray.images.colour import to_srgb


def test_alpha_goes_on_white():
    image = Image.new("RGBA", (3, 1))
    image.putdata([(200, 0, 0, 255), (0, 0, 0, 0), (0, 0, 0, 128)])
    assert np.asarray(to_srgb(image))[0].tolist() == [[200, 0, 0], [255, 255, 255], [127, 127, 127]]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "La", "CMYK", "YCbCr", "HSV", "LAB", "I;16"])
def test_every_plain_mode_becomes_rgb(mode):
    assert to_srgb(Image.new(mode, (4, 3))).mode == "RGB"


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


def test_an_embedded_profile_is_applied():
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    image = Image.new("RGB", (2, 2), (200, 100, 50))
    image.info["icc_profile"] = lab.tobytes()  # of another colour model: ignored
    assert to_srgb(image).getpixel((0, 0)) == (200, 100, 50)
    image = Image.new("RGB", (2, 2), (200, 100, 50))
    image.info["icc_profile"] = b"not a profile"
    assert to_srgb(image).getpixel((0, 0)) == (200, 100, 50)
    image = Image.new("RGB", (2, 2), (200, 100, 50))
    image.info["icc_profile"] = swapped_profile()
    red, _, blue = to_srgb(image).getpixel((0, 0))
    assert blue > red  # the profile calls the first channel blue


def swapped_profile() -> bytes:
    """The sRGB profile with its red and blue colourants exchanged."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(data[128:132], "big")
    tags = {bytes(data[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    data[red + 4 : red + 12], data[blue + 4 : blue + 12] = data[blue + 4 : blue + 12], data[red + 4 : red + 12]
    at = data.find(b"s\x00R\x00G\x00B")
    if at > 0:
        data[at : at + 5] = b"o\x00d\x00d"
    return bytes(data)
