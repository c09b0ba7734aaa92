import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ganray.edit_engine import EditEngine
from ganray.edits.photo import Output
from ganray.errors import EditError, ImageError
from ganray.images.codec import decode, decode_with_alpha, encode
from ganray.images.colour import distance_from_srgb
from ganray.images.credentials import validity
from ganray.images.icc import srgb_profile
from ganray.images.provenance import read_label
from ganray.images.untrusted import SafeDecoder
from ganray.images.visible import Stamp, plate
from ganray.output.edited_file import encode_edited, label_of, parent_of, with_visible_label
from ganray.output.label_options import LabelOptions
from ganray.requests import EditRequest
from tests.tools.icc_profiles import ADOBE

DIGEST = "d" * 64


@pytest.fixture(scope="module")
def edited(seller_photos):
    def make(image, *edits, **request):
        engine = EditEngine.load(threads=1)
        return next(engine.edit(EditRequest(id="SKU ü", image=image, edits=edits, **request), seller_photos.__getitem__))

    return make


@pytest.mark.parametrize("format", ["png", "webp", "avif", "jpeg"])
def test_the_file_has_its_record_and_the_same_bytes_again(edited, format):
    result = edited("same.jpg", "white", format=format, seed=3)
    data = encode_edited(result, DIGEST)
    assert data == encode_edited(result, DIGEST)
    assert Image.open(io.BytesIO(data)).format.lower() == format
    label = read_label(data)
    assert (label["ganray:EditModelDigest"], label["ganray:EditRequestID"], label["ganray:EditSeed"]) == (DIGEST, "SKU ü-0", "3")
    assert label["ganray:SourceSHA256"] == result.source_sha256
    assert "Iptc4xmpExt:DigitalSourceType" not in label


def spotted(mask_spot, data):
    """A request that inpaints a spot of a photo."""
    size = decode(data).pixels.shape[:2]
    mask = np.zeros((*size, 3), np.uint8)
    mask[mask_spot] = 255
    pictures = {"photo.jpg": data, "mask.png": encode(mask, "png")}
    request = EditRequest(id="a", image="photo.jpg", edits=({"inpaint": {"grow": 0}},), pictures={"mask": "mask.png"})
    return request, pictures


def cloth(**options):
    rng = np.random.default_rng(1)
    smooth = Image.fromarray(rng.integers(0, 255, (10, 10, 3), np.uint8)).resize((160, 144), Image.Resampling.BICUBIC)
    pixels = np.clip(np.asarray(smooth) + rng.normal(0, 6, (144, 160, 1)), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def decoders():
    """For `EditEngine.load`: decoding in this process, and in a child."""
    return {False: {}, True: {"decode": SafeDecoder()}}


@pytest.mark.parametrize("safe", [False, True])
@pytest.mark.parametrize(("quality", "subsampling"), [(75, 2), (90, 1), (97, 0)])
def test_a_retouched_jpeg_keeps_its_pixels_outside(quality, subsampling, safe, decoders):
    spot = slice(64, 80), slice(48, 72)
    data = cloth(quality=quality, subsampling=subsampling)
    request, pictures = spotted(spot, data)
    engine = EditEngine.load(threads=1, **decoders[safe])
    result = next(engine.edit(request, pictures.__getitem__))
    written = encode_edited(result, DIGEST)
    outside = np.ones(result.before.shape[:2], bool)
    outside[48:96, 32:88] = False  # the blocks that touch the spot
    difference = np.abs(decode(written).pixels.astype(int) - result.before.astype(int)).max(2)[outside]
    assert difference.max() <= 3 and (difference > 0).mean() < 0.2
    source, file = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(written))
    assert source.quantization == file.quantization and [layer[1:3] for layer in source.layer] == [layer[1:3] for layer in file.layer]
    assert encode_edited(result, DIGEST) == written and read_label(written)["ganray:EditRequestID"] == "a-0"


def test_what_changes_everywhere_or_asks_for_a_quality_is_encoded_by_the_usual_rule():
    data = cloth(quality=60, subsampling=2)
    request, pictures = spotted((slice(64, 80), slice(48, 72)), data)
    engine = EditEngine.load(threads=1)
    for changes in ({"quality": 80}, {"format": "png"}, {"edits": ("upscale:2",)}, {"edits": (*request.edits, "upscale:2")}):
        assert next(engine.edit(request.model_copy(update=changes), pictures.__getitem__)).jpeg is None
    for changes in ({}, {"format": "jpeg"}):
        assert next(engine.edit(request.model_copy(update=changes), pictures.__getitem__)).jpeg is not None


def test_a_photo_without_faults_keeps_its_blocks():
    data = cloth(quality=85, subsampling=2)
    off = {**dict.fromkeys(("exposure", "white_balance", "contrast", "clarity", "denoise"), "off"), "learned": False}
    request = EditRequest(id="a", image="photo.jpg", edits=({"enhance": off},))
    result = next(EditEngine.load(threads=1).edit(request, {"photo.jpg": data}.__getitem__))
    difference = np.abs(decode(encode_edited(result, DIGEST)).pixels.astype(int) - result.before.astype(int))
    assert result.jpeg is not None and (difference > 0).mean() < 0.02


@pytest.mark.parametrize("format", ["jpeg", "png"])
def test_a_shop_keeps_density_and_profile_and_no_place(edited, seller_photos, format):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    source = cloth(quality=95, dpi=(300, 150), icc_profile=ADOBE, exif=exif, comment=b"53.5 N")
    request = EditRequest(id="a", image="a", edits=("upscale:2",), format=format)
    file = Image.open(io.BytesIO(encode_edited(next(EditEngine.load(threads=1).edit(request, {"a": source}.__getitem__)), DIGEST)))
    assert [round(value) for value in file.info["dpi"]] == [150, 300]  # turned with the photo
    assert distance_from_srgb(file)[0] <= 1 and file.info["icc_profile"] == srgb_profile()
    assert not dict(file.getexif()) and "comment" not in file.info
    plain = Image.open(io.BytesIO(encode_edited(edited("same.jpg", "white"), DIGEST)))
    assert "icc_profile" not in plain.info and "dpi" not in plain.info


def test_a_made_picture_still_says_so(edited):
    label = read_label(encode_edited(edited("made.png", "cutout", {"background": {"shadow": 0.5}}), DIGEST))
    assert label["Iptc4xmpExt:DigitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert (label["ganray:RequestID"], label["ganray:Seed"]) == ("made-0", "7")
    composed = read_label(encode_edited(edited("same.jpg", {"background": {"shadow": 0.5}}), DIGEST))
    assert composed["Iptc4xmpExt:DigitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")


@pytest.mark.parametrize("format", ["png", "webp", "avif"])
def test_a_cut_out_is_transparent_and_no_jpeg(edited, format):
    result = edited("same.jpg", "cutout", format=format)
    label = decode_with_alpha(encode_edited(result, DIGEST))[1]
    np.testing.assert_allclose(label.astype(int), result.alpha.astype(int), atol=12 if format == "avif" else 0)
    with pytest.raises(ImageError, match="which jpeg does not support"):
        encode_edited(edited("same.jpg", "cutout", format="jpeg"), DIGEST)


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif"])
def test_a_byte_limit_lowers_the_quality_as_far_as_it_must(edited, format):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (96, 96, 3), np.uint8)
    result = replace(edited("same.jpg", "white"), pixels=noise, output=Output(format))
    whole = len(encode_edited(result, DIGEST))
    assert whole == len(encode_edited(replace(result, output=Output(format, max_bytes=whole)), DIGEST))
    limit = int(whole * 0.8)
    data = encode_edited(replace(result, output=Output(format, max_bytes=limit)), DIGEST)
    assert limit * (0.3 if format == "webp" else 0.6) < len(data) <= limit  # a WebP goes from lossless to lossy
    assert read_label(data)["ganray:EditRequestID"] == "SKU ü-0"
    with pytest.raises(EditError, match="and the request allows 900") as caught:
        encode_edited(replace(result, output=Output(format, max_bytes=900)), DIGEST)
    assert caught.value.reason == "profile"


def test_a_png_has_no_quality_to_lower(edited):
    result = edited("same.jpg", "white")
    with pytest.raises(EditError, match="png lossless has .* bytes, and the request allows 900. Ask for jpeg"):
        encode_edited(replace(result, output=Output("png", max_bytes=900)), DIGEST)


def test_the_label_names_result_and_chain(edited):
    label = label_of(edited("same.jpg", "white"), "")
    assert (label.request_id, label.edits, label.source_type) == ("SKU ü-0", '[{"white":{}}]', "")


def test_a_visible_label_is_for_what_a_model_made(edited):
    marks = LabelOptions(stamp=Stamp("AI"))
    composed, photo = edited("same.jpg", {"background": {"shadow": 0.5}}, format="png"), edited("same.jpg", "white", format="png")
    assert with_visible_label(photo, marks) is photo and with_visible_label(composed, LabelOptions()) is composed
    seen = [decode(encode_edited(result, DIGEST)).pixels for result in (with_visible_label(composed, marks), composed)]
    corner = slice(-24, None), slice(-32, None)
    assert not np.array_equal(seen[0][corner], seen[1][corner]) and np.array_equal(seen[0][:48], seen[1][:48])


def test_a_visible_label_is_seen_on_a_cut_out(edited):
    result = edited("made.png", "cutout", format="png")  # it says of itself that a model made it
    pixels, alpha = decode_with_alpha(encode_edited(with_visible_label(result, LabelOptions(stamp=Stamp("AI"))), DIGEST))
    seen = alpha[plate(alpha.shape, Stamp("AI"))]
    assert (result.alpha[plate(alpha.shape, Stamp("AI"))] < 255).any() and (seen == 255).all()
    assert pixels.pixels[plate(alpha.shape, Stamp("AI"))].min() < 60  # the letters


def test_a_profile_that_wants_one_colour_behind_takes_no_visible_label(edited):
    result = edited("same.jpg", {"background": {"shadow": 0.5}}, format="png")
    asked = [
        replace(result, output=replace(result.output, profile=name, ground=ground)) for name, ground in (("a", (255,) * 3), ("b", None))
    ]
    with pytest.raises(EditError, match="a requires a plain background.*Leave out conform") as refused:
        with_visible_label(asked[0], LabelOptions(stamp=Stamp("AI")))
    assert refused.value.reason == "profile" and with_visible_label(asked[1], LabelOptions(stamp=Stamp("AI"))) is not asked[1]


def test_credentials_count_among_the_bytes_of_a_limit(edited, signer):
    result = edited("made.png", "white", format="jpeg")
    data = encode_edited(result, DIGEST, signer)
    assert validity(data, "jpeg") == "Valid" and read_label(data) == read_label(encode_edited(result, DIGEST))
    assert len(encode_edited(replace(result, output=Output("jpeg", max_bytes=len(data) - 200)), DIGEST, signer)) <= len(data) - 200


def test_a_photo_whose_format_holds_no_credentials_is_a_parent_by_its_pixels(edited, seller_photos):
    result = edited("same.jpg", "white")
    assert (parent_of(result).data, parent_of(result).format) == (seller_photos["same.jpg"], "jpeg")
    parent = parent_of(replace(result, source=b"BM", source_format="bmp"))
    assert parent.format == "png" and np.array_equal(decode(parent.data).pixels, result.before)
