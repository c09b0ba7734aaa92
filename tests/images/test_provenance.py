import io
import json

import numpy as np
import pytest
from PIL import Image

from ganray.errors import ImageError
from ganray.images import provenance
from ganray.images.codec import decode_prepared, encode
from ganray.images.provenance import Label, encode_labelled, read_label, xmp_packet

LABEL = Label(model_digest="sha256:12ab", request_id="r-1 <&\"'> 杯子", seed=2**63 - 1, software="ganray 0.1")
PIXELS = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "avif"])
def test_the_label_is_in_the_bytes_and_the_pixels_are_the_same(kind):
    data = encode_labelled(PIXELS, kind, LABEL)
    assert data == encode_labelled(PIXELS, kind, LABEL)
    found = read_label(data)
    assert found["Iptc4xmpExt:DigitalSourceType"] == "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    assert found["ganray:RequestID"] == LABEL.request_id
    assert found["ganray:Seed"] == str(2**63 - 1)
    implicit = json.loads(found["TC260:AIGC"])
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
    monkeypatch.setattr(provenance, "encode", lambda pixels, kind, xmp, quality, alpha: encode(pixels, kind))
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
