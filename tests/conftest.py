"""Fixtures for every test: an S3-compatible server, started once and only where a test asks for it."""

import datetime
import importlib.util
import os
import uuid
from pathlib import Path

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch loads: spinning threads on shared cores are up to 27x slower


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the tests marked `long` too: the whole of what CI runs a short form of")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--long"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def s3_environment():
    """The environment variables that lead any S3 client to a real server; skips where its packages are not installed."""
    spec = importlib.util.spec_from_file_location("s3server", Path(__file__).with_name("s3server.py"))
    server = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(server)
    if reason := server.missing():
        pytest.skip(reason)
    with server.running() as environment:
        yield environment


@pytest.fixture
def s3_url(s3_environment, monkeypatch) -> str:
    """A fresh prefix of a bucket, with the environment set to reach it."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_SKIP_SIGNATURE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://ganray/{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def signer():
    """A root of our own and a certificate for signing, as C2PA asks for them."""
    pytest.importorskip("c2pa")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def certificate(name, key, is_root):
        names = [
            x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "shop"), x509.NameAttribute(NameOID.COMMON_NAME, common)])
            for common in (name, "root")
        ]
        start = datetime.datetime(2026, 1, 1)
        unused = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
        usage = x509.KeyUsage(
            digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root, encipher_only=False, decipher_only=False, **unused
        )
        made = x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(start + datetime.timedelta(3650))
        made = made.add_extension(x509.BasicConstraints(is_root, None), True).add_extension(usage, True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), False)
        if not is_root:
            made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        return made.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    chain = certificate("leaf", leaf, False) + certificate("root", root, True)
    pem = leaf.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    from ganray.images.credentials import Signer

    return Signer(chain, pem)


@pytest.fixture(scope="session")
def seller_photos() -> dict[str, bytes]:
    """A seller's bucket, drawn: products on plain white, what no shop could use, and what is no photo. Key -> bytes."""
    from io import BytesIO

    from PIL import Image

    from ganray.catalog.sample import draw, product
    from ganray.images.codec import encode
    from ganray.images.provenance import Label, encode_labelled

    pictures = [draw(product(5, index), 96) for index in range(5)]
    cluttered = draw(product(5, 7, cluttered=1.0), 96)[0]

    def saved(image, kind, **options):
        image.save(file := BytesIO(), kind, **options)
        return file.getvalue()

    frames = [Image.fromarray(pixels) for pixels, _ in pictures[:2]]
    jpeg = encode(pictures[0][0], "jpeg")
    return {
        "mugs/red ü.jpg": jpeg,
        "mugs/plain.png": encode(pictures[1][0], "png"),
        "same.jpg": encode(pictures[2][0], "jpeg"),
        "same.webp": encode(pictures[2][0], "webp"),
        "made.png": encode_labelled(pictures[3][0], "png", Label("0" * 64, "made-0", 7, "ganray 0.1.0")),
        "cutout.png": encode(pictures[4][0], "png", alpha=pictures[4][1]),
        "cmyk.jpg": saved(Image.fromarray(pictures[0][0]).convert("CMYK"), "JPEG"),
        "animated.gif": saved(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "broken.jpg": jpeg[: len(jpeg) // 2],
        "cluttered.png": encode(cluttered, "png"),
        "empty.png": b"",
        "one.png": encode(pictures[0][0][:1, :1], "png"),
        "notes.txt": b"not a photo",
    }


@pytest.fixture(scope="session")
def editor_folder(tmp_path_factory) -> str:
    """An editor that has learned nothing yet: its upscaling is a resampling with a little noise, the same every time."""
    import torch

    from ganray.checkpoint import EditorInfo, save_editor
    from ganray.config import EditorConfig
    from ganray.models.editor import build_editor
    from ganray.storage import open_store

    config = EditorConfig(tasks=("upscale", "matte"), widths=(8, 8, 8, 8, 8), detail_width=8, detail_blocks=1)
    folder = str(tmp_path_factory.mktemp("editor"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_editor(open_store(folder), build_editor(config), EditorInfo(editor=config))
    return folder
