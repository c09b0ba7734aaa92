import io
import json
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ganray.errors import ImageError
from ganray.images import provenance
from ganray.images.codec import decode_prepared, encode
from ganray.images.provenance import EditLabel, Label, encode_labelled, kept, read_label, strongest, xmp_packet
from tests.tools import manifest_store

LABEL = Label(model_digest="sha256:12ab", request_id="r-1 <&\"'> 杯子", seed=2**63 - 1, software="ganray 0.1")
PIXELS = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "avif"])
def test_the_label_is_in_the_bytes_and_the_pixels_are_the_same(kind):
    data = encode_labelled(PIXELS, kind, LABEL)
    assert data == encode_labelled(PIXELS, kind, LABEL)
    properties = read_label(data)
    assert properties["Iptc4xmpExt:DigitalSourceType"] == "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    assert properties["ganray:RequestID"] == LABEL.request_id
    assert properties["ganray:Seed"] == str(2**63 - 1)
    implicit = json.loads(properties["TC260:AIGC"])
    assert (implicit["Label"], implicit["ProduceID"], implicit["ReservedCode1"]) == ("1", LABEL.request_id, "sha256:12ab")
    assert Image.open(io.BytesIO(data)).info["xmp"] == xmp_packet(LABEL)  # another reader agrees
    np.testing.assert_array_equal(decode_prepared(data), decode_prepared(encode(PIXELS, kind)))


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "avif"])
def test_an_unlabelled_or_broken_file_has_no_label(kind):
    data = encode(PIXELS, kind)
    assert read_label(data) == {}
    assert read_label(data[:50]) == {}
    assert read_label(encode_labelled(PIXELS, kind, LABEL)[:400]) == {}


@pytest.mark.parametrize(
    "data", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe1\x00\x00", b"RIFF\x00\x00\x00\x00WEBPXMP \xff\xff\xff\xff<a>"]
)
def test_hostile_containers_give_nothing(data):
    assert read_label(data) == {}


def test_entities_are_refused():
    packet = xmp_packet(LABEL).replace(b"<x:xmpmeta", b'<!DOCTYPE a [<!ENTITY b "c">]><x:xmpmeta')
    assert read_label(encode(PIXELS, "png", packet)) == {}


def test_a_label_written_as_elements_is_read_too():
    packet = (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{provenance.RDF}"><rdf:Description rdf:about="" '
        f'xmlns:e="{provenance.NAMESPACES["Iptc4xmpExt"]}"><e:DigitalSourceType rdf:resource="http://x/y"/></rdf:Description></rdf:RDF></x:xmpmeta>'
    )
    assert read_label(encode(PIXELS, "jpeg", packet.encode())) == {"Iptc4xmpExt:DigitalSourceType": "http://x/y"}


def test_a_label_that_does_not_read_back_is_an_error(monkeypatch):
    monkeypatch.setattr(provenance, "encode", lambda pixels, kind, xmp, quality, alpha, kept: encode(pixels, kind))
    with pytest.raises(ImageError, match="r-9 does not read back") as caught:
        encode_labelled(PIXELS, "png", Label("d", "r-9", 1))
    assert caught.value.reason == "label_unverified"


def test_what_is_cut_off_or_overwritten_anywhere_gives_a_label_or_none():
    rng = np.random.default_rng(0)
    data = encode_labelled(PIXELS, "avif", LABEL)
    for end in range(len(data)):
        assert read_label(data[:end]) in ({}, read_label(data))
    for _ in range(500):
        spoilt = np.frombuffer(data, np.uint8).copy()
        spoilt[rng.integers(0, 400, 3)] = rng.integers(0, 256, 3)
        read_label(spoilt.tobytes())


EDIT = EditLabel('[{"white":{}}]', "d" * 64, "SKU <1>-0", 9, "e" * 64, software="ganray 0.1")
TYPE = "Iptc4xmpExt:DigitalSourceType"
MADE, COMPOSED, ENHANCED = "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "algorithmicallyEnhanced"
CAPTURE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"


def edited(source=None, kinds=(), format="png"):
    return read_label(encode_labelled(PIXELS, format, EditLabel(**{**vars(EDIT), "source": source or {}, "kinds": kinds})))


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "avif"])
def test_an_edit_of_a_photo_that_says_nothing_claims_no_source_type_and_has_its_record(kind):
    assert edited(format=kind) == {
        "ganray:Edits": '[{"white":{}}]',
        "ganray:EditModelDigest": "d" * 64,
        "ganray:EditRequestID": "SKU <1>-0",
        "ganray:EditSeed": "9",
        "ganray:EditSoftware": "ganray 0.1",
        "ganray:SourceSHA256": "e" * 64,
    }


@pytest.mark.parametrize(
    ("own", "kinds", "term"),
    [
        ("", (ENHANCED,), ENHANCED),
        ("", (ENHANCED, COMPOSED, ENHANCED), COMPOSED),
        (CAPTURE, (), "digitalCapture"),
        (CAPTURE, (ENHANCED,), ENHANCED),
        (provenance.SOURCE_TYPES + COMPOSED, (ENHANCED,), COMPOSED),
        (provenance.SOURCE_TYPES + MADE, (COMPOSED, ENHANCED), MADE),
        ("https://elsewhere/terms/compositeSynthetic", (ENHANCED,), "compositeSynthetic"),
    ],
)
def test_the_strongest_term_of_the_source_and_the_chain_counts(own, kinds, term):
    source_type = edited({TYPE: own} if own else {}, kinds)[TYPE]
    assert source_type.rpartition("/")[2] == term
    if own.endswith(term):
        assert source_type == own
    assert strongest([own, *kinds]) == term


def test_an_edit_of_a_made_picture_keeps_its_whole_label():
    made = read_label(encode_labelled(PIXELS, "png", LABEL))
    for kinds in ((), (COMPOSED,), (ENHANCED,)):
        properties = edited(made, kinds)
        assert made.items() <= properties.items()
        assert properties["ganray:EditRequestID"] == EDIT.request_id
    assert edited(properties).items() >= made.items()  # and once more


def test_only_what_a_model_draws_makes_a_photo_ai_for_tc260():
    assert "TC260:AIGC" not in edited(kinds=(ENHANCED,))
    assert json.loads(edited(kinds=(COMPOSED,))["TC260:AIGC"])["ProduceID"] == EDIT.request_id


def test_what_a_photo_says_of_people_and_what_is_too_long_is_not_kept():
    properties = {TYPE: CAPTURE, "Iptc4xmpExt:PersonInImage": "Ada", "xmp:CreatorTool": "c" * 9000, "xmp:Rating": "5"}
    assert kept(properties) == {TYPE: CAPTURE}
    assert "Ada" not in str(edited(properties))


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="apt-get install libimage-exiftool-perl")
@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "avif"])
def test_exiftool_finds_what_an_edit_says(kind, tmp_path):
    made = read_label(encode_labelled(PIXELS, "png", LABEL))
    label = EditLabel(**{**vars(EDIT), "source": made, "kinds": (COMPOSED,)})
    (tmp_path / "a").write_bytes(encode_labelled(PIXELS, kind, label))
    command = ["exiftool", "-json", "-XMP:DigitalSourceType", "-XMP:Aigc", "-XMP:Edits", "-XMP:SourceSHA256", str(tmp_path / "a")]
    (properties,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert properties["DigitalSourceType"].endswith(MADE) or properties["DigitalSourceType"] == "Trained Algorithmic Media"
    assert "r-1" in str(properties) and EDIT.source_sha256 in str(properties)


@pytest.mark.parametrize("kind", ["tiff", "deflated png"])
def test_labels_that_others_wrote_elsewhere_are_found(kind):
    image, buffer = Image.fromarray(PIXELS), io.BytesIO()
    if kind == "tiff":
        image.save(buffer, "TIFF", tiffinfo={700: xmp_packet(LABEL)})
    else:
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp_packet(LABEL).decode(), zip=True)
        image.save(buffer, "PNG", pnginfo=info)
    data = buffer.getvalue()
    assert read_label(data) == read_label(encode_labelled(PIXELS, "png", LABEL))
    for end in range(0, len(data), 7):
        assert read_label(data[:end]) in ({}, read_label(data))


@pytest.mark.parametrize(
    ("xmp", "credentials", "term"),
    [
        ("", MADE, MADE),
        (CAPTURE, MADE, MADE),
        (provenance.SOURCE_TYPES + MADE, "digitalCapture", MADE),
        (provenance.SOURCE_TYPES + COMPOSED, ENHANCED, COMPOSED),
        (CAPTURE, "computationalCapture", "digitalCapture"),
        ("", "digitalCapture", "digitalCapture"),
    ],
)
def test_of_xmp_and_credentials_the_strongest_term_counts(xmp, credentials, term):
    packet = edit_packet(xmp) if xmp else b""
    jumbf = manifest_store.store(manifest_store.manifest("urn:c2pa:1", manifest_store.actions(credentials)))
    read = read_label(manifest_store.put(PIXELS, "JPEG", jumbf, xmp=packet))
    assert read[TYPE] == provenance.SOURCE_TYPES + term
    assert edited(read)[TYPE] == provenance.SOURCE_TYPES + term  # carried over as IPTC


def edit_packet(source_type):
    return xmp_packet(EditLabel(**{**vars(EDIT), "source": {TYPE: source_type}}))
