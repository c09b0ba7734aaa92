import numpy as np
import pytest

from ganray.images.codec import encode
from ganray.images.provenance import EditLabel, Label, encode_labelled
from ganray.output.first_writer import same_sample, same_signed_sample

PIXELS = np.random.default_rng(0).integers(8, 248, (16, 12, 3), np.uint8)
NEAR = PIXELS + np.random.default_rng(1).integers(0, 2, PIXELS.shape, np.uint8)  # as another processor draws it
MADE = Label("sha256:1", "SKU-1", 7)
EDITED = EditLabel('[{"white": {}}]', "sha256:1", "SKU-1", 7, "ab", kinds=("algorithmicallyEnhanced",))


@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "avif"])
@pytest.mark.parametrize("label", [MADE, EDITED], ids=["made", "edited"])
def test_other_pixels_of_the_same_sample_are_the_same(format, label):
    ours, theirs = (encode_labelled(pixels, format, label) for pixels in (PIXELS, NEAR))
    assert ours != theirs
    assert same_sample(ours, theirs, format)


@pytest.mark.parametrize(
    ("label", "other"),
    [
        (MADE, Label("sha256:1", "SKU-2", 7)),
        (MADE, Label("sha256:1", "SKU-1", 8)),
        (MADE, Label("sha256:2", "SKU-1", 7)),
        (EDITED, EditLabel('[{"white": {}}]', "sha256:1", "SKU-1", 7, "ac", kinds=("algorithmicallyEnhanced",))),
        (EDITED, EditLabel('[{"cutout": {}}]', "sha256:1", "SKU-1", 7, "ab", kinds=("algorithmicallyEnhanced",))),
        (EDITED, MADE),
    ],
)
def test_the_label_of_another_sample_is_another_one(label, other):
    assert not same_sample(encode_labelled(PIXELS, "png", label), encode_labelled(PIXELS, "png", other), "png")


@pytest.mark.parametrize("theirs", ["no label", "other side", "other format", "cut", "no image", "empty"])
def test_what_is_not_a_whole_image_of_the_same_form_is_another_one(theirs):
    ours = encode_labelled(PIXELS, "png", MADE)
    data = {
        "no label": encode(NEAR, "png"),
        "other side": encode_labelled(NEAR[:-1], "png", MADE),
        "other format": encode_labelled(NEAR, "webp", MADE),
        "cut": encode_labelled(NEAR, "png", MADE)[:-200],
        "no image": b"PAR1",
        "empty": b"",
    }[theirs]
    assert not same_sample(ours, data, "png")
    assert not same_sample(data, ours, "png")


def test_of_signed_files_the_second_one_must_be_valid(signer):
    ours, theirs = (signer.sign(encode_labelled(pixels, "jpeg", MADE), "jpeg", MADE) for pixels in (PIXELS, NEAR))
    assert same_signed_sample(ours, theirs, "jpeg")
    assert not same_signed_sample(ours, encode_labelled(PIXELS, "jpeg", MADE), "jpeg")
    changed = bytearray(theirs)
    changed[-40] ^= 1
    assert not same_signed_sample(ours, bytes(changed), "jpeg")
