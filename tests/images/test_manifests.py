import numpy as np
import pytest

from ganray.images.containers import manifests_of
from ganray.images.manifests import COMPOSITE, claimed_source_types
from tests.tools.manifest_store import INTO, TERMS, actions, box, cbor, ingredient, manifest, metadata, put, store, superbox

AI, CAPTURE = "trainedAlgorithmicMedia", "digitalCapture"
PIXELS = np.zeros((32, 32, 3), np.uint8)


@pytest.mark.parametrize("format", INTO)
def test_the_store_of_every_format_is_found(format):
    jumbf = store(manifest("urn:c2pa:1", actions(AI)))
    assert manifests_of(put(PIXELS, format, jumbf)) == jumbf
    assert claimed_source_types(jumbf) == [AI]


@pytest.mark.parametrize("format", INTO)
def test_a_cut_file_has_no_store_or_the_beginning_of_it(format):
    jumbf = store(manifest("urn:c2pa:1", actions(AI)))
    data = put(PIXELS, format, jumbf)
    for end in range(0, len(data), 5):
        assert claimed_source_types(manifests_of(data[:end])) in ([], [AI])
    assert manifests_of(b"") == manifests_of(b"hello") == b""


@pytest.mark.parametrize("label", ["c2pa.actions", "c2pa.actions.v2", "c2pa.actions__1"])
def test_every_action_of_every_version_counts(label):
    assert claimed_source_types(store(manifest("urn:c2pa:1", actions("", CAPTURE, AI, label=label)))) == [CAPTURE, AI]


@pytest.mark.parametrize(
    "properties",
    [
        {"@context": {"Iptc4xmpExt": "http://iptc.org/"}, "Iptc4xmpExt:DigitalSourceType": TERMS + AI},
        {"http://iptc.org/std/Iptc4xmpExt/2008-02-29/DigitalSourceType": {"@id": TERMS + AI}},
        {"@type": "CreativeWork", "digitalSourceType": [AI]},
    ],
)
@pytest.mark.parametrize("label", ["cawg.metadata", "stds.iptc", "stds.schema-org.CreativeWork", "c2pa.metadata"])
def test_metadata_assertions_count_too(properties, label):
    assert claimed_source_types(store(manifest("urn:c2pa:1", metadata(properties, label)))) == [AI]


@pytest.mark.parametrize(("key", "label"), [("activeManifest", "c2pa.ingredient.v3"), ("c2pa_manifest", "c2pa.ingredient__1")])
def test_the_parent_of_the_active_manifest_is_asked(key, label):
    first, unrelated = manifest("urn:c2pa:1", actions(AI)), manifest("urn:c2pa:0", actions("compositeSynthetic"))
    active = manifest("urn:c2pa:2", actions(""), ingredient("urn:c2pa:1", key=key, label=label))
    assert claimed_source_types(store(unrelated, first, active)) == [AI]


def test_a_part_made_by_a_model_makes_a_composite():
    made, photo = manifest("urn:c2pa:1", actions(AI)), manifest("urn:c2pa:0", actions(CAPTURE))
    active = manifest("a", actions(""), ingredient("urn:c2pa:0"), ingredient("urn:c2pa:1", "componentOf"))
    assert claimed_source_types(store(photo, made, active)) == [CAPTURE, COMPOSITE]
    assert claimed_source_types(store(photo, manifest("a", ingredient("urn:c2pa:0", "componentOf")))) == []
    assert claimed_source_types(store(made, manifest("a", ingredient("urn:c2pa:1", "inputTo")))) == []


def test_manifests_that_name_each_other_end():
    one, two = manifest("1", actions(AI), ingredient("2")), manifest("2", ingredient("1"), ingredient("2", "componentOf"))
    assert set(claimed_source_types(store(one, two))) == {AI, COMPOSITE}


@pytest.mark.parametrize(
    ("uri", "terms"),
    [
        (AI, [AI]),
        ("https://cv.iptc.org/newscodes/digitalsourcetype/" + AI, [AI]),
        ("http://c2pa.org/digitalsourcetype/trainedAlgorithmicData", [AI]),
        ("http://c2pa.org/digitalsourcetype/empty", []),
        ("no term", []),
        ("a/\x00", []),
        ("x" * 100, []),
        (7, []),
    ],
)
def test_terms_are_words_of_the_vocabulary(uri, terms):
    assertion = superbox(b"cbor", "c2pa.actions", box(b"cbor", cbor({"actions": [{"digitalSourceType": uri}]})))
    assert claimed_source_types(store(manifest("1", assertion))) == terms


def test_what_is_broken_or_too_large_claims_nothing_and_the_rest_counts():
    broken = superbox(b"cbor", "c2pa.actions", box(b"cbor", cbor({"actions": [{"digitalSourceType": AI}]})[:-5]))
    deep = superbox(b"json", "stds.iptc", box(b"json", b'{"a":' * 100_000))
    large = superbox(b"cbor", "c2pa.actions", box(b"cbor", cbor({"pad": b"\0" * 300_000, "digitalSourceType": AI})))
    assert claimed_source_types(store(manifest("1", broken, deep, large, actions(CAPTURE)))) == [CAPTURE]
    many = [superbox(b"cbor", "c2pa.actions", box(b"cbor", cbor({"pad": b"\0" * 200_000, "digitalSourceType": CAPTURE}))) for _ in range(9)]
    assert claimed_source_types(store(manifest("1", *many))) == [CAPTURE] * 5


def test_random_changes_give_terms_or_none():
    rng = np.random.default_rng(0)
    jumbf = store(manifest("1", actions(AI), metadata({"a:DigitalSourceType": AI})), manifest("2", ingredient("1"), actions(CAPTURE)))
    for _ in range(1000):
        spoilt = np.frombuffer(jumbf, np.uint8).copy()
        spoilt[rng.integers(0, len(spoilt), 4)] = rng.integers(0, 256, 4)
        assert isinstance(claimed_source_types(spoilt.tobytes()), list)
