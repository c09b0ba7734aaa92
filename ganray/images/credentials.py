"""C2PA content credentials (extra `c2pa`): a signed statement in a file that a model generated it, or from which photo and by which edits
it was made; the photo's own credentials are included. Signing is the last step: it hashes the rest of the file.

The signature is deterministic (RFC 6979) and the identifier is a hash of the bytes, but the library adds random salts: two signed files of
one image differ in 200 bytes. `output.first_writer` compares their labels.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import uuid
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from typing import Any

from PIL import Image

from ganray import __version__
from ganray.errors import ConfigError, GanrayError, ImageError
from ganray.images.codec import MEDIA_TYPES, Format
from ganray.images.provenance import SOURCE_TYPES, EditLabel, Label, strongest

NEEDS = {"c2pa": "c2pa-python", "cryptography": "cryptography"}
VALID = ("Valid", "Trusted")  # of the file's own chain; whether the root is trusted is up to the reader
READABLE = (*MEDIA_TYPES, "gif", "tiff")  # formats of parents
PARENT = "photo"  # label of the photo within a statement
MOST_KEPT, ROOM = 1 << 20, 1 << 15  # maximum bytes of a parent's credentials, and of ours in addition


@dataclass(frozen=True)
class Parent:
    """The source photo of an edit: its encoded bytes, format (one of READABLE) and name."""

    data: bytes
    format: str
    name: str


@dataclass(frozen=True)
class Signer:
    """A certificate chain (PEM, the signer's first) and its P-256 key (PEM). Loaded in each process that signs."""

    chain: bytes
    key: bytes = field(repr=False)  # tracebacks and messages of Ray show arguments

    def check(self) -> None:
        """Sign an image and an edit of it as a test. Raises ConfigError if packages are missing, or the key or chain cannot sign."""
        missing = [package for module, package in NEEDS.items() if importlib.util.find_spec(module) is None]
        if missing:
            raise ConfigError(f"label.chain needs {', '.join(missing)}, not installed", "pip install 'ganray[c2pa]'")
        buffer = BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, "PNG")
        made = self.sign(buffer.getvalue(), "png", Label("0" * 64, "check", 0))
        self.sign(buffer.getvalue(), "png", EditLabel("[]", "0" * 64, "check", 0, "0" * 64), Parent(made, "png", "check"))

    def sign(self, data: bytes, format: Format, label: Label | EditLabel, parent: Parent | None = None) -> bytes:
        """The encoded image with its credentials, read back and validated; for an edit with its `parent` and the parent's credentials.

        Raises ImageError("parent_credentials") if the parent's credentials cannot be read or are larger than MOST_KEPT bytes: only that
        photo fails. Raises ConfigError for any other problem, such as an expired certificate: every image would fail.
        """
        import c2pa

        try:
            signer, context = _load(self)
            builder, signed = c2pa.Builder(json.dumps(_manifest(data, label, parent)), context), BytesIO()
            with contextlib.closing(builder):
                if parent is not None:
                    _add_parent(builder, parent)
                builder.sign(signer, MEDIA_TYPES[format], BytesIO(data), signed)
        except (c2pa.C2paError, ValueError, TypeError) as error:
            raise self._signing_error(data, format, label, parent, _one_line(error)) from error
        made = signed.getvalue()
        if parent is not None and len(made) - len(data) > MOST_KEPT + ROOM:
            raise _parent_error(parent, f"have {len(made) - len(data):,} bytes, the cap is {MOST_KEPT:,}")
        if (state := validity(made, format)) not in VALID:
            raise self._signing_error(data, format, label, parent, f"the signed file is {state}")
        return made

    def _signing_error(self, data: bytes, format: Format, label: Label | EditLabel, parent: Parent | None, problem: str) -> GanrayError:
        """The error of an image that cannot be signed: of its parent, if it can be signed without that. Raises like `sign` if not."""
        if parent is None:
            return _cannot_sign(problem)
        self.sign(data, format, Label(label.model_digest, label.request_id, label.seed))
        return _parent_error(parent, f"cannot be kept: {problem}")


def validity(data: bytes, format: Format) -> str:
    """The C2PA reader's verdict on a file: Valid, Trusted, Invalid, or absent. Uses no network."""
    import c2pa

    try:
        with c2pa.Reader(MEDIA_TYPES[format], BytesIO(data), context=_offline_context()) as reader:
            return str(reader.get_validation_state())
    except c2pa.C2paError:
        return "absent"


def _manifest(data: bytes, label: Label | EditLabel, parent: Parent | None) -> dict[str, Any]:
    """The manifest of an unsigned encoded image: its identifier is a hash of its bytes and of its parent's."""
    name = _identifier(data + (hashlib.sha256(parent.data).digest() if parent else b""))
    return {
        "claim_generator_info": [{"name": "ganray", "version": __version__}],
        "title": label.request_id,
        "instance_id": f"xmp:iid:{name}",
        "label": f"urn:c2pa:{name}",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": _actions(label, parent)}}],
    }


def _actions(label: Label | EditLabel, parent: Parent | None) -> list[dict[str, Any]]:
    """The actions (C2PA 2.x, 18.14): created; or a photo was opened and edited by the chain."""
    agent = {"softwareAgent": {"name": label.software}}
    if isinstance(label, Label):
        return [{"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES + label.kind, **agent}]
    assert parent is not None, "an edit has a parent photo"
    edited = {"action": "c2pa.edited", "parameters": {"com.ganray.edits": label.edits}, **agent}
    if kind := strongest(label.kinds):
        edited["digitalSourceType"] = SOURCE_TYPES + kind
    return [{"action": "c2pa.opened", "parameters": {"ingredientIds": [PARENT]}}, edited]


def _add_parent(builder: Any, parent: Parent) -> None:
    import c2pa

    about = {"title": parent.name, "relationship": "parentOf", "label": PARENT, "instance_id": f"xmp:iid:{_identifier(parent.data)}"}
    try:
        builder.add_ingredient(about, f"image/{parent.format}", BytesIO(parent.data))
    except c2pa.C2paError as error:
        raise _parent_error(parent, f"cannot be read: {_one_line(error)}") from error


def _parent_error(parent: Parent, problem: str) -> ImageError:
    remedy = "Strip them from the photo, or edit it without label.chain"
    return ImageError("parent_credentials", f"the credentials of {parent.name} {problem}", remedy)


def _cannot_sign(problem: str) -> ConfigError:
    remedy = "Give a chain in PEM that is valid now, the signer's certificate first, and its P-256 key"
    return ConfigError(f"label.chain and label.key cannot sign: {problem}", remedy)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _identifier(data: bytes) -> uuid.UUID:
    """A hash in the form of a random identifier (RFC 9562, version 4)."""
    return uuid.UUID(bytes=hashlib.sha256(data).digest()[:16], version=4)


@lru_cache(maxsize=4)
def _load(signer: Signer) -> tuple[Any, Any]:
    import c2pa
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    key = serialization.load_pem_private_key(signer.key, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the key is not on the curve P-256")

    def sign(data: bytes) -> bytes:
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
        return r.to_bytes(32) + s.to_bytes(32)

    return c2pa.Signer.from_callback(sign, c2pa.C2paSigningAlg.ES256, signer.chain.decode()), _offline_context()


@lru_cache(maxsize=1)
def _offline_context() -> Any:
    """A context without network access: an untrusted photo may refer to a manifest or identity on any host that we can reach."""
    import c2pa

    settings = {
        "core": {"allowed_network_hosts": [], "decode_identity_assertions": False},
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},  # `sign` reads it back
        "builder": {"thumbnail": {"enabled": False}},
    }
    return c2pa.Context(c2pa.Settings.from_dict(settings))
