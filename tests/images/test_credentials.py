import importlib.util
import io
import json
import socket
import zlib

import numpy as np
import pytest
from PIL import Image

from ganray.errors import ConfigError, ImageError
from ganray.images import credentials as module
from ganray.images.codec import encode
from ganray.images.credentials import NEEDS, Parent, Signer, validity
from ganray.images.provenance import EditLabel, Label, encode_labelled, read_label
from tests.tools.credentials import beside_credentials

FORMATS = ["png", "jpeg", "webp", "avif"]
PIXELS = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
LABEL = Label("a" * 64, "SKU-1-0", 7)
installed = pytest.mark.skipif(any(importlib.util.find_spec(name) is None for name in NEEDS), reason="pip install c2pa-python cryptography")


@installed
@pytest.mark.parametrize("kind", FORMATS)
def test_a_signed_file_keeps_pixels_and_labels(signer, kind):
    import c2pa

    signer.check()
    plain = encode_labelled(PIXELS, kind, LABEL)
    assert validity(plain, kind) == "absent"
    signed = signer.sign(plain, kind, LABEL)
    assert validity(signed, kind) == "Valid"
    assert read_label(signed) == read_label(plain)
    assert np.array_equal(*(np.array(Image.open(io.BytesIO(data)).convert("RGB")) for data in (plain, signed)))
    with c2pa.Reader(f"image/{kind}", io.BytesIO(signed)) as reader:
        report = json.loads(reader.json())
    manifest = report["manifests"][report["active_manifest"]]
    actions = next(each for each in manifest["assertions"] if each["label"].startswith("c2pa.actions"))["data"]["actions"]
    assert actions[0]["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert manifest["title"] == "SKU-1-0"


@installed
@pytest.mark.parametrize("kind", FORMATS)
def test_two_signed_files_of_one_image_differ_in_their_credentials_alone(signer, kind):
    plain = encode_labelled(PIXELS, kind, LABEL)
    first, second = (signer.sign(plain, kind, LABEL) for _ in range(2))
    assert len(first) == len(second)
    assert first != second
    assert beside_credentials(first) == beside_credentials(second) == beside_credentials(plain)


@installed
def test_a_changed_pixel_is_invalid(signer):
    signed = bytearray(signer.sign(encode_labelled(PIXELS, "jpeg", LABEL), "jpeg", LABEL))
    signed[-40] ^= 1
    assert validity(bytes(signed), "jpeg") == "Invalid"


def read_manifest(data, kind):
    """The active manifest of a signed file, its actions, and all manifests."""
    import c2pa

    with c2pa.Reader(f"image/{kind}", io.BytesIO(data)) as reader:
        report = json.loads(reader.json())
    manifest = report["manifests"][report["active_manifest"]]
    actions = next(each for each in manifest["assertions"] if each["label"].startswith("c2pa.actions"))["data"]["actions"]
    return manifest, actions, report["manifests"]


EDIT = EditLabel('["white"]', "b" * 64, "SKU-1-0", 7, "c" * 64, kinds=("compositeWithTrainedAlgorithmicMedia",))


@installed
@pytest.mark.parametrize("kind", FORMATS)
def test_an_edited_photo_has_its_parent_and_its_credentials(signer, kind):
    made = signer.sign(encode_labelled(PIXELS, kind, LABEL), kind, LABEL)
    edited = encode_labelled(255 - PIXELS, "jpeg", EDIT)
    signed = signer.sign(edited, "jpeg", EDIT, Parent(made, kind, "SKU-1"))
    assert validity(signed, "jpeg") == "Valid"
    manifest, actions, every = read_manifest(signed, "jpeg")
    assert [action["action"] for action in actions] == ["c2pa.opened", "c2pa.edited"]
    assert actions[1]["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert actions[1]["parameters"]["com.ganray.edits"] == EDIT.edits
    (parent,) = manifest["ingredients"]
    assert (parent["relationship"], parent["title"]) == ("parentOf", "SKU-1")
    assert every[parent["active_manifest"]]["title"] == "SKU-1-0" and len(every) == 2
    again = signer.sign(edited, "jpeg", EDIT, Parent(made, kind, "SKU-1"))
    assert beside_credentials(signed) == beside_credentials(again)
    plain = signer.sign(edited, "jpeg", EDIT, Parent(encode(PIXELS, kind), kind, "SKU-1"))
    assert "active_manifest" not in read_manifest(plain, "jpeg")[0]["ingredients"][0]


@installed
def test_a_parent_that_was_tampered_with_is_kept_with_its_failure(signer):
    made = bytearray(signer.sign(encode_labelled(PIXELS, "png", LABEL), "png", LABEL))
    made[made.index(b"trainedAlgorithmicMedia", made.index(b"c2pa.created"))] ^= 1
    signed = signer.sign(encode_labelled(255 - PIXELS, "png", EDIT), "png", EDIT, Parent(bytes(made), "png", "SKU-1"))
    (parent,) = read_manifest(signed, "png")[0]["ingredients"]
    assert validity(signed, "png") == "Valid"
    assert "assertion.hashedURI.mismatch" in {each["code"] for each in parent["validation_results"]["activeManifest"]["failure"]}


def with_chunk(png, kind, body):
    """A PNG with an additional chunk after its header."""
    chunk = len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)
    return png[:33] + chunk + png[33:]


@installed
def test_a_parent_whose_credentials_cannot_be_read_or_are_huge_is_refused(signer, monkeypatch):
    edited, plain = encode_labelled(255 - PIXELS, "png", EDIT), encode(PIXELS, "png")
    made = signer.sign(encode_labelled(PIXELS, "png", LABEL), "png", LABEL)
    monkeypatch.setattr(module, "MOST_KEPT", -30_000)
    for parent, message in ((with_chunk(plain, b"caBX", b"junk" * 50), "cannot be"), (made, "bytes")):
        with pytest.raises(ImageError, match=message) as refused:
            signer.sign(edited, "png", EDIT, Parent(parent, "png", "SKU-1"))
        assert refused.value.reason == "parent_credentials" and "without label.chain" in str(refused.value)
        assert "\n" not in str(refused.value)


@installed
@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_nothing_is_fetched_from_the_network(signer, kind):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/manifest"
        packet = (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description rdf:about=""'
            f' xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="{url}"/></rdf:RDF></x:xmpmeta>'
        )
        photo = encode(PIXELS, kind, packet.encode())
        signed = signer.sign(encode_labelled(255 - PIXELS, "png", EDIT), "png", EDIT, Parent(photo, kind, "SKU-1"))
        assert validity(signed, "png") == "Valid" and validity(photo, kind) == "absent"
        with pytest.raises(BlockingIOError):  # nobody came
            server.accept()


@installed
def test_other_bytes_have_another_identifier(signer):
    signed = [signer.sign(encode_labelled(pixels, "png", LABEL), "png", LABEL) for pixels in (PIXELS, PIXELS, 255 - PIXELS)]
    names = [read_manifest(each, "png")[0]["label"] for each in signed]
    assert names[0] == names[1] != names[2]


@installed
def test_a_signer_that_cannot_sign_is_one_error(signer):
    for wrong in (Signer(b"nothing", signer.key), Signer(signer.chain, b"nothing"), Signer(b"", b"")):
        with pytest.raises(ConfigError, match="label.chain and label.key cannot sign: .*Give a chain in PEM") as caught:
            wrong.check()
        assert "\n" not in str(caught.value)
    for label, parent in ((LABEL, None), (EDIT, Parent(encode(PIXELS, "png"), "png", "SKU-1"))):  # not the fault of a photo
        with pytest.raises(ConfigError, match="cannot sign"):
            Signer(signer.chain, b"nothing").sign(encode_labelled(PIXELS, "png", label), "png", label, parent)


def test_missing_packages_are_one_error_with_the_command(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"needs c2pa-python, cryptography, not installed.*pip install 'ganray\[c2pa\]'"):
        Signer(b"", b"").check()
