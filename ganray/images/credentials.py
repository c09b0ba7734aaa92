"""C2PA content credentials (extra `c2pa`): a signed statement in a file that a model made it, or of which photo it was made and by which
edits; that photo's own credentials go along. The last of all steps: it hashes the rest.

The signature is by RFC 6979, the identifier from the label; yet the library salts its hashes by chance, so two signed files of one image
differ in 200 bytes. `same_image` compares what they hold beside their credentials.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import uuid
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any

from PIL import Image

from ganray import __version__
from ganray.errors import ConfigError, ImageError
from ganray.images.codec import MEDIA_TYPES, Format
from ganray.images.containers import beside_credentials
from ganray.images.provenance import SOURCE_TYPES, EditLabel, Label, strongest

NEEDS = {"c2pa": "c2pa-python", "cryptography": "cryptography"}
VALID = ("Valid", "Trusted")  # of the file's own chain; whether a reader trusts its root is the reader's business
READABLE = (*MEDIA_TYPES, "gif", "tiff")  # formats that a parent may have
PARENT = "photo"  # what the photo is called within a statement


@dataclass(frozen=True)
class Parent:
    """The photo that an edit began with: its encoded bytes, its format (one of READABLE) and its name."""

    data: bytes
    format: str
    name: str


@dataclass(frozen=True)
class Signer:
    """A certificate chain (PEM, the signer's first) and its P-256 key (PEM). Opened in each process that signs."""

    chain: bytes
    key: bytes

    def check(self) -> None:
        """Raises ConfigError where the packages, the key or the chain will not do: by signing a picture."""
        missing = [package for module, package in NEEDS.items() if importlib.util.find_spec(module) is None]
        if missing:
            raise ConfigError(f"label.chain needs {', '.join(missing)}, not installed", "pip install 'ganray[c2pa]'")
        buffer = BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, "PNG")
        try:
            self.sign(buffer.getvalue(), "png", Label("0" * 64, "check", 0))
        except ImageError as error:
            raise ConfigError(
                f"label.chain and label.key cannot sign: {error}", "Give a chain in PEM, the signer's certificate first, and its P-256 key"
            ) from error

    def sign(self, data: bytes, format: Format, label: Label | EditLabel, parent: Parent | None = None) -> bytes:
        """The encoded image with its credentials, read back and found valid; of an edit with its `parent` and what that says of itself.

        Raises ImageError("credentials_unverified"), also where the parent has credentials that cannot be read.
        """
        import c2pa

        try:
            signer, context = _opened(self)
            builder, signed = c2pa.Builder(json.dumps(_manifest(label)), context), BytesIO()
            if parent is not None:
                _add_parent(builder, parent)
            builder.sign(signer, MEDIA_TYPES[format], BytesIO(data), signed)
            builder.close()
        except (c2pa.C2paError, ValueError, TypeError) as error:
            raise ImageError("credentials_unverified", f"{label.request_id} could not be signed: {' '.join(str(error).split())}") from error
        made = signed.getvalue()
        if (state := validity(made, format)) not in VALID:
            raise ImageError("credentials_unverified", f"the credentials of {label.request_id} are {state}")
        return made


def validity(data: bytes, format: Format) -> str:
    """What the C2PA reader says of a file: Valid, Trusted, Invalid, or absent."""
    import c2pa

    try:
        with c2pa.Reader(MEDIA_TYPES[format], BytesIO(data)) as reader:
            return str(reader.get_validation_state())
    except c2pa.C2paError:
        return "absent"


def same_image(ours: bytes, theirs: bytes, format: Format) -> bool:
    """Whether two signed files are of one image, and the credentials of the other one are valid."""
    return beside_credentials(ours) == beside_credentials(theirs) and validity(theirs, format) in VALID


def _manifest(label: Label | EditLabel) -> dict[str, Any]:
    """What is stated."""
    name = _identifier(f"{label.model_digest}/{label.request_id}/{label.seed}/{getattr(label, 'source_sha256', '')}".rstrip("/"))
    return {
        "claim_generator_info": [{"name": "ganray", "version": __version__}],
        "title": label.request_id,
        "instance_id": f"xmp:iid:{name}",
        "label": f"urn:c2pa:{name}",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": _actions(label)}}],
    }


def _actions(label: Label | EditLabel) -> list[dict[str, Any]]:
    """What was done (C2PA 2.x, 18.14): drawn from nothing; or a photo opened, and edited by the chain."""
    agent = {"softwareAgent": {"name": label.software}}
    if isinstance(label, Label):
        return [{"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES + label.kind, **agent}]
    edited = {"action": "c2pa.edited", "parameters": {"com.ganray.edits": label.edits}, **agent}
    if kind := strongest(label.kinds):
        edited["digitalSourceType"] = SOURCE_TYPES + kind
    return [{"action": "c2pa.opened", "parameters": {"ingredientIds": [PARENT]}}, edited]


def _add_parent(builder: Any, parent: Parent) -> None:
    about = {"title": parent.name, "relationship": "parentOf", "label": PARENT}
    about["instance_id"] = f"xmp:iid:{_identifier(hashlib.sha256(parent.data).hexdigest())}"
    builder.add_ingredient(about, f"image/{parent.format}", BytesIO(parent.data))


def _identifier(text: str) -> uuid.UUID:
    """A hash in the form of a random identifier (RFC 9562, version 4)."""
    return uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4)


@lru_cache(maxsize=4)
def _opened(signer: Signer) -> tuple[Any, Any]:
    import c2pa
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    key = serialization.load_pem_private_key(signer.key, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the key is none of the curve P-256")

    def sign(data: bytes) -> bytes:
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
        return r.to_bytes(32) + s.to_bytes(32)

    settings = {"builder": {"thumbnail": {"enabled": False}}, "verify": {"verify_after_sign": False}}  # it is read back by us
    context = c2pa.Context(c2pa.Settings.from_dict(settings))
    return c2pa.Signer.from_callback(sign, c2pa.C2paSigningAlg.ES256, signer.chain.decode()), context
