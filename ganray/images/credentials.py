"""C2PA content credentials (extra `c2pa`): a signed statement in a file that a model made it, or of which photo it was made and by which
edits; that photo's own credentials go along. The last of all steps: it hashes the rest.

The signature is by RFC 6979, the identifier from the bytes; yet the library salts its hashes by chance, so two signed files of one image
differ in 200 bytes. `same_image` compares what they hold beside their credentials.
"""

from __future__ import annotations

import contextlib
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
from ganray.errors import ConfigError, GanrayError, ImageError
from ganray.images.codec import MEDIA_TYPES, Format
from ganray.images.containers import beside_credentials
from ganray.images.provenance import SOURCE_TYPES, EditLabel, Label, strongest

NEEDS = {"c2pa": "c2pa-python", "cryptography": "cryptography"}
VALID = ("Valid", "Trusted")  # of the file's own chain; whether a reader trusts its root is the reader's business
READABLE = (*MEDIA_TYPES, "gif", "tiff")  # formats that a parent may have
PARENT = "photo"  # what the photo is called within a statement
MOST_KEPT, ROOM = 1 << 20, 1 << 15  # bytes of a parent's credentials that are kept; and of our own beside them, at most


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
        """Raises ConfigError where the packages, the key or the chain will not do: by signing a picture, and an edit of it."""
        missing = [package for module, package in NEEDS.items() if importlib.util.find_spec(module) is None]
        if missing:
            raise ConfigError(f"label.chain needs {', '.join(missing)}, not installed", "pip install 'ganray[c2pa]'")
        buffer = BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, "PNG")
        made = self.sign(buffer.getvalue(), "png", Label("0" * 64, "check", 0))
        self.sign(buffer.getvalue(), "png", EditLabel("[]", "0" * 64, "check", 0, "0" * 64), Parent(made, "png", "check"))

    def sign(self, data: bytes, format: Format, label: Label | EditLabel, parent: Parent | None = None) -> bytes:
        """The encoded image with its credentials, read back and found valid; of an edit with its `parent` and what that says of itself.

        Raises ImageError("parent_credentials") where the parent's credentials cannot be read or are more than MOST_KEPT bytes: it is that
        photo's fault. Raises ConfigError for whatever else there is, such as a certificate that has expired: no picture could be signed.
        """
        import c2pa

        try:
            signer, context = _opened(self)
            builder, signed = c2pa.Builder(json.dumps(_manifest(data, label, parent)), context), BytesIO()
            with contextlib.closing(builder):
                if parent is not None:
                    _add_parent(builder, parent)
                builder.sign(signer, MEDIA_TYPES[format], BytesIO(data), signed)
        except (c2pa.C2paError, ValueError, TypeError) as error:
            raise self._blamed(data, format, label, parent, _one_line(error)) from error
        made = signed.getvalue()
        if parent is not None and len(made) - len(data) > MOST_KEPT + ROOM:
            raise _of_parent(parent, f"are of {len(made) - len(data):,} bytes, {MOST_KEPT:,} are kept")
        if (state := validity(made, format)) not in VALID:
            raise self._blamed(data, format, label, parent, f"what is signed is {state}")
        return made

    def _blamed(self, data: bytes, format: Format, label: Label | EditLabel, parent: Parent | None, said: str) -> GanrayError:
        """Whose fault it is that a picture cannot be signed: its parent's, if without that it can be. Raises as `sign` does, if not."""
        if parent is None:
            return _useless(said)
        self.sign(data, format, Label(label.model_digest, label.request_id, label.seed))
        return _of_parent(parent, f"cannot be kept: {said}")


def validity(data: bytes, format: Format) -> str:
    """What the C2PA reader says of a file: Valid, Trusted, Invalid, or absent. It asks nobody else."""
    import c2pa

    try:
        with c2pa.Reader(MEDIA_TYPES[format], BytesIO(data), context=_alone()) as reader:
            return str(reader.get_validation_state())
    except c2pa.C2paError:
        return "absent"


def same_image(ours: bytes, theirs: bytes, format: Format) -> bool:
    """Whether two signed files are of one image, and the credentials of the other one are valid."""
    return beside_credentials(ours) == beside_credentials(theirs) and validity(theirs, format) in VALID


def _manifest(data: bytes, label: Label | EditLabel, parent: Parent | None) -> dict[str, Any]:
    """What is stated of an encoded image that is yet unsigned: its identifier is of these bytes and its parent's."""
    name = _identifier(data + (hashlib.sha256(parent.data).digest() if parent else b""))
    return {
        "claim_generator_info": [{"name": "ganray", "version": __version__}],
        "title": label.request_id,
        "instance_id": f"xmp:iid:{name}",
        "label": f"urn:c2pa:{name}",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": _actions(label, parent)}}],
    }


def _actions(label: Label | EditLabel, parent: Parent | None) -> list[dict[str, Any]]:
    """What was done (C2PA 2.x, 18.14): drawn from nothing; or a photo opened, and edited by the chain."""
    agent = {"softwareAgent": {"name": label.software}}
    if isinstance(label, Label):
        return [{"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES + label.kind, **agent}]
    assert parent is not None, "an edit is one of a photo"
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
        raise _of_parent(parent, f"cannot be read: {_one_line(error)}") from error


def _of_parent(parent: Parent, said: str) -> ImageError:
    remedy = "Strip them from the photo, or edit it without label.chain"
    return ImageError("parent_credentials", f"the credentials that {parent.name} has itself {said}", remedy)


def _useless(said: str) -> ConfigError:
    remedy = "Give a chain in PEM that is valid now, the signer's certificate first, and its P-256 key"
    return ConfigError(f"label.chain and label.key cannot sign: {said}", remedy)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _identifier(data: bytes) -> uuid.UUID:
    """A hash in the form of a random identifier (RFC 9562, version 4)."""
    return uuid.UUID(bytes=hashlib.sha256(data).digest()[:16], version=4)


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

    return c2pa.Signer.from_callback(sign, c2pa.C2paSigningAlg.ES256, signer.chain.decode()), _alone()


@lru_cache(maxsize=1)
def _alone() -> Any:
    """A context in which nothing is fetched: a photo from outside may name a manifest, or an identity, on any host that we can reach."""
    import c2pa

    settings = {
        "core": {"allowed_network_hosts": [], "decode_identity_assertions": False},
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},  # it is read back by us
        "builder": {"thumbnail": {"enabled": False}},
    }
    return c2pa.Context(c2pa.Settings.from_dict(settings))
