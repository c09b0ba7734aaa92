import pytest
import torch

from ganray.errors import ClusterError
from ganray.models import pretrained


def test_without_the_package_the_remedy_names_it_and_what_to_do_instead(monkeypatch):
    monkeypatch.setattr(pretrained, "PACKAGE", "no_such_package")
    with pytest.raises(ClusterError, match=r"not installed") as raised:
        pretrained.imagenet_network("leave it out")
    assert "ganray[features]" in raised.value.remedy and "leave it out" in raised.value.remedy


def test_other_weights_than_the_published_ones_are_refused(monkeypatch):
    pytest.importorskip(pretrained.PACKAGE)
    monkeypatch.setattr(pretrained, "SHA256", "0" * 64)
    with pytest.raises(ClusterError, match="sha256"):
        pretrained.imagenet_network("leave it out")


def test_the_published_weights_are_frozen():
    pytest.importorskip(pretrained.PACKAGE)
    network = pretrained.imagenet_network("leave it out")
    assert not any(weight.requires_grad for weight in network.parameters())
    with torch.inference_mode():
        assert network(torch.full((1, 3, 64, 64), 128.0)).shape == (1, 1280)
