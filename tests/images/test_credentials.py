import importlib.util
import io
import json

import numpy as np
import pytest
from PIL import Image

from ganray.errors import ConfigError, ImageError
from ganray.images import credentials as module
from ganray.images.containers import beside_credentials
from ganray.images.credentials import NEEDS, Signer, same_image, validity
from ganray.images.provenance import Label, encode_labelled, read_label

FORMATS = ["png", "jpeg", "webp", "avif"]
PIXELS = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
LABEL = Label("a" * 64, "SKU-1-0", 7)
installed = pytest.mark.skipif(any(importlib.util.find_spec(name) is None for name in NEEDS), reason="pip install c2pa-python cryptography")


@installed
@pytest.mark.parametrize("kind", FORMATS)
def test_a_signed_file_keeps_pixels_and_labels_and_states_what_it_is(signer, kind):
    import c2pa

    signer.check()
    plain = encode_labelled(PIXELS, kind, LABEL)
    assert validity(plain, kind) == "absent"
    signed = signer.sign(plain, kind, LABEL)
    assert validity(signed, kind) == "Valid"
    assert read_label(signed) == read_label(plain)
    assert np.array_equal(*(np.array(Image.open(io.BytesIO(data)).convert("RGB")) for data in (plain, signed)))
    with c2pa.Reader(f"image/{kind}", io.BytesIO(signed)) as reader:
        said = json.loads(reader.json())
    manifest = said["manifests"][said["active_manifest"]]
    actions = next(each for each in manifest["assertions"] if each["label"].startswith("c2pa.actions"))["data"]["actions"]
    assert actions[0]["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert manifest["title"] == "SKU-1-0"


@installed
@pytest.mark.parametrize("kind", FORMATS)
def test_two_signings_are_of_one_image_and_of_no_other(signer, kind):
    plain = encode_labelled(PIXELS, kind, LABEL)
    one, two = (signer.sign(plain, kind, LABEL) for _ in range(2))
    assert len(one) == len(two)
    assert same_image(one, two, kind)
    assert beside_credentials(one) == beside_credentials(plain)
    other = signer.sign(encode_labelled(255 - PIXELS, kind, LABEL), kind, LABEL)
    assert not same_image(one, other, kind)
    assert not same_image(one, plain, kind)


@installed
def test_a_changed_pixel_is_found_by_the_reader(signer):
    signed = bytearray(signer.sign(encode_labelled(PIXELS, "jpeg", LABEL), "jpeg", LABEL))
    signed[-40] ^= 1
    assert validity(bytes(signed), "jpeg") == "Invalid"


@installed
def test_what_cannot_sign_is_one_line(signer):
    for wrong in (Signer(b"nothing", signer.key), Signer(signer.chain, b"nothing"), Signer(b"", b"")):
        with pytest.raises(ConfigError, match="label.chain and label.key cannot sign: .*Give a chain in PEM") as caught:
            wrong.check()
        assert "\n" not in str(caught.value)
    with pytest.raises(ImageError) as failed:
        Signer(signer.chain, b"nothing").sign(encode_labelled(PIXELS, "png", LABEL), "png", LABEL)
    assert failed.value.reason == "credentials_unverified"


def test_absent_packages_are_one_line_with_the_command(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"needs c2pa-python, cryptography, not installed.*pip install 'ganray\[c2pa\]'"):
        Signer(b"", b"").check()
