import numpy as np
import pytest

from ganray.images.containers import xmp_of
from ganray.images.provenance import Label, encode_labelled
from tests.tools.credentials import beside_credentials

PIXELS = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
LABEL = Label("d" * 64, "SKU-1", 7, "ganray")
FORMATS = ["png", "jpeg", "webp", "avif"]


@pytest.mark.parametrize("format", FORMATS)
def test_the_packet_of_a_labelled_file_is_found(format):
    packet = xmp_of(encode_labelled(PIXELS, format, LABEL))
    assert b"trainedAlgorithmicMedia" in packet and b"SKU-1" in packet


@pytest.mark.parametrize("format", FORMATS)
def test_every_cut_of_a_file_has_a_whole_packet_or_none(format):
    data = encode_labelled(PIXELS, format, LABEL)
    whole = xmp_of(data)
    assert {xmp_of(data[:end]) for end in range(0, len(data), 7)} <= {b"", whole} | {whole[:end] for end in range(len(whole))}


def test_other_bytes_have_no_packet():
    assert xmp_of(b"") == xmp_of(b"hello") == xmp_of(b"\x89PNG\r\n\x1a\n") == b""
    assert xmp_of(b"II*\x00\xff\xff\xff\xff") == b""


@pytest.mark.parametrize("format", FORMATS)
def test_a_signed_file_has_the_content_of_another_signing(format, signer):
    data = encode_labelled(PIXELS, format, LABEL)
    signed = [signer.sign(data, format, LABEL) for _ in range(2)]
    assert beside_credentials(signed[0]) == beside_credentials(signed[1])
    other = signer.sign(encode_labelled(PIXELS ^ 128, format, LABEL), format, LABEL)
    assert beside_credentials(other) != beside_credentials(signed[0])
