import pytest

from ganray.config import LabelConfig
from ganray.errors import ConfigError, ObjectNotFound
from ganray.images.visible import Stamp
from ganray.output.label_options import NO_LABEL_OPTIONS, LabelOptions, read_label_options


def test_no_options_have_no_digest():
    assert read_label_options(LabelConfig()) == NO_LABEL_OPTIONS
    assert NO_LABEL_OPTIONS.digest == ""


def test_the_digest_depends_on_the_text():
    digests = {LabelOptions(stamp=Stamp(text)).digest for text in ("AI", "AI generated")}
    assert len(digests) == 2 and "" not in digests


def test_options_are_read_from_urls_and_tried(signer, tmp_path):
    (tmp_path / "chain.pem").write_bytes(signer.chain)
    (tmp_path / "key.pem").write_bytes(signer.key)
    options = read_label_options(LabelConfig(visible="AI", chain=str(tmp_path / "chain.pem"), key=str(tmp_path / "key.pem")))
    assert (options.stamp, options.signer.chain) == (Stamp("AI"), signer.chain)
    assert options.digest != LabelOptions(stamp=Stamp("AI")).digest
    (tmp_path / "key.pem").write_bytes(b"not a key")
    with pytest.raises(ConfigError):
        read_label_options(LabelConfig(chain=str(tmp_path / "chain.pem"), key=str(tmp_path / "key.pem")))


def test_a_font_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(ObjectNotFound):
        read_label_options(LabelConfig(visible="AI", font=str(tmp_path / "none.ttf")))
