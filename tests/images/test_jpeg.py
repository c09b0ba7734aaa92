import io

import numpy as np
import pytest
from PIL import Image

from ganray.images.codec import Kept, decode, decode_jpeg_source, encode
from tests.tools.icc_profiles import ADOBE

ORIENTATION = 0x0112


def photo(height, width, grain=3.0):
    rng = np.random.default_rng(height)
    smooth = Image.fromarray(rng.integers(40, 215, (6, 6, 3), np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(smooth) + rng.normal(0, grain, (height, width, 1)), 0, 255).astype(np.uint8)


def jpeg(pixels, quality=90, subsampling=0, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=subsampling, **options)
    return buffer.getvalue()


def retouched(data, spot=(slice(40, 60), slice(40, 60)), colour=(250, 10, 10)):
    """(before, after) as files decode, of a picture with another spot."""
    before = decode(data).pixels
    after = before.copy()
    after[spot] = colour
    written = encode(after, "jpeg", kept=Kept(jpeg=decode_jpeg_source(data), before=before))
    return before, written, decode(written).pixels


def far(shape, spot, reach=17):
    mask = np.ones(shape[:2], bool)
    mask[max(0, spot[0].start - reach) : spot[0].stop + reach, max(0, spot[1].start - reach) : spot[1].stop + reach] = False
    return mask


@pytest.mark.parametrize("quality", [60, 80, 90, 95, 97])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("size", [(128, 160), (125, 151), (97, 104)])
def test_pixels_outside_stay_or_move_by_a_rounding(quality, subsampling, size):
    data = jpeg(photo(*size), quality, subsampling)
    spot = slice(40, 60), slice(40, 60)
    before, _, after = retouched(data, spot)
    difference = np.abs(after.astype(int) - before.astype(int)).max(2)
    outside = difference[far(before.shape, spot)]
    again = np.abs(decode(jpeg(before, quality, subsampling)).pixels.astype(int) - before.astype(int)).max(2)[far(before.shape, spot)]
    assert outside.max() <= 3 and (outside > 0).mean() <= (0.02 if quality < 95 else 0.25)
    assert outside.mean() <= 1.1 * again.mean() + 0.005
    assert np.abs(after[45:55, 45:55].astype(int) - (250, 10, 10)).max() <= 40


def test_tables_and_subsampling_are_those_of_the_source():
    tables = [[3 + place // 4 for place in range(64)], [7 + place % 9 for place in range(64)]]
    for subsampling in (0, 1, 2):
        buffer = io.BytesIO()
        Image.fromarray(photo(64, 64)).save(buffer, "JPEG", qtables=tables, subsampling=subsampling)
        written = Image.open(io.BytesIO(retouched(buffer.getvalue(), (slice(8, 16), slice(8, 16)))[1]))
        source = Image.open(buffer)
        assert [written.quantization[layer[3]] for layer in written.layer] == [source.quantization[layer[3]] for layer in source.layer]
        assert [layer[1:3] for layer in written.layer] == [layer[1:3] for layer in source.layer]


@pytest.mark.parametrize("turn", range(2, 9))
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_a_turned_photo_keeps_its_blocks_where_they_fit(turn, subsampling):
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    spot = slice(40, 60), slice(40, 60)
    before, written, after = retouched(jpeg(photo(128, 96), 85, subsampling, exif=exif), spot)
    difference = np.abs(after.astype(int) - before.astype(int)).max(2)[far(before.shape, spot)]
    assert ORIENTATION not in Image.open(io.BytesIO(written)).getexif()
    if subsampling == 1 and turn >= 5:  # chroma halved in height cannot be written: one re-encoding
        assert difference.mean() < 2
    else:  # the coefficients are the same; the decoder rounds a turned block in another way
        assert difference.max() <= 3 and difference.mean() < 0.8
    before, _, after = retouched(jpeg(photo(125, 91), 85, subsampling, exif=exif), spot)  # the blocks move: one re-encoding
    assert np.abs(after.astype(int) - before.astype(int))[far(before.shape, spot)].mean() < 2


@pytest.mark.parametrize("size", [(128, 160), (125, 151)])
def test_grey_stays_grey_where_the_change_is(size):
    data = jpeg(photo(*size)[..., 0], 80)
    spot = slice(40, 60), slice(40, 60)
    for colour, layers in (((200, 200, 200), 1), ((250, 10, 10), 3)):
        before, written, after = retouched(data, spot, colour)
        difference = np.abs(after.astype(int) - before.astype(int)).max(2)[far(before.shape, spot)]
        assert (difference > 0).mean() < 0.02 and difference.max() <= 3
        assert Image.open(io.BytesIO(written)).layers == layers
        assert np.abs(after[45:55, 45:55].astype(int) - colour).max() <= 40


def test_a_photo_with_a_profile_is_written_once_by_its_tables():
    data = jpeg(photo(96, 96), 85, 2, icc_profile=ADOBE)
    source = decode_jpeg_source(data)
    assert source.planes == () and source.subsampling == 2
    before, _, after = retouched(data)
    assert np.abs(after.astype(int) - before.astype(int))[far(before.shape, (slice(40, 60),) * 2)].mean() < 2


def test_progressive_and_rgb_and_cmyk():
    data = jpeg(photo(121, 117), 85, 2, progressive=True)
    before, _, after = retouched(data)
    difference = np.abs(after.astype(int) - before.astype(int)).max(2)[far(before.shape, (slice(40, 60),) * 2)]
    assert (difference > 0).mean() < 0.02 and difference.max() <= 3
    buffer = io.BytesIO()
    Image.fromarray(photo(64, 64)).save(buffer, "JPEG", quality=90, keep_rgb=True)
    source = decode_jpeg_source(buffer.getvalue())
    assert source.planes == () and len(source.tables) == 3
    assert retouched(buffer.getvalue())[2].shape == (64, 64, 3)
    buffer = io.BytesIO()
    Image.new("CMYK", (32, 32)).save(buffer, "JPEG")
    assert decode_jpeg_source(buffer.getvalue()) is None and decode_jpeg_source(encode(photo(8, 8), "png")) is None


def test_sampling_factors_that_cannot_be_written():
    data = jpeg(photo(64, 64), 85, 0)
    at = data.index(b"\xff\xc0") + 11  # of luma: 1x1
    for factors in (0x12, 0x41):  # chroma halved in height, or divided by four
        source = decode_jpeg_source(data[:at] + bytes([factors]) + data[at + 1 :])
        assert source.planes == () and source.subsampling == 0


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (8, 9), (16, 17), (33, 15)])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_small_pictures(size, subsampling):
    data = jpeg(photo(*size), 85, subsampling)
    before = decode(data).pixels
    same = decode(encode(before, "jpeg", kept=Kept(jpeg=decode_jpeg_source(data), before=before))).pixels
    assert same.shape == before.shape and np.abs(same.astype(int) - before.astype(int)).max() <= 4


def test_a_quality_is_a_quality():
    data = jpeg(photo(64, 64), 60, 2)
    pixels = decode(data).pixels
    kept = Kept(jpeg=decode_jpeg_source(data), before=pixels)
    assert encode(pixels, "jpeg", quality=92, kept=kept) == encode(pixels, "jpeg") != encode(pixels, "jpeg", kept=kept)
    assert encode(pixels, "jpeg", kept=kept) == encode(pixels, "jpeg", kept=kept)
