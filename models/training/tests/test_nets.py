"""Promises of the networks: shapes, names, and what the heat map rests on."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from spinewatch_training import cam_fixtures, nets
from spinewatch_training.nets.inception_resnet import InceptionResnet

IN_THE_REPOSITORY = Path(__file__).parents[3] / "tests/inference/cam"
SMALL = {
    "resnet152v2": {"architecture": "resnetv2_18"},
    "inception_v3": {},
    "densenet121": {},
    "vit": {"architecture": "vit_tiny_patch16_224"},
    "convnext": {"architecture": "convnext_atto"},
    "swin": {"window_size": 4, "depths": (1, 1, 1, 1), "embed_dim": 24, "num_heads": (1, 2, 2, 4), "drop_path_rate": 0.0},
}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("metadata_width", [16, 0])
def test_every_baseline_reads_an_image_with_and_without_metadata(name, metadata_width):
    # as in training: some of timm's networks start with weights that only batch normalisation tames
    net = nets.build({"name": name, "metadata_width": metadata_width, "dropout": 0.0, **SMALL[name]}, 128)
    image, numbers = torch.randn(2, 3, 128, 128), torch.ones(2, 3)
    with torch.no_grad():
        said, again = net(image, numbers), net(image, -numbers)
    assert said.shape == (2, 7)
    assert torch.equal(said, again) == (metadata_width == 0)


def test_what_is_no_network_is_named():
    for net, words in (
        ({"name": "yolo"}, r"\[net\] name = 'yolo': must be one of .*resnet152v2"),
        ({"name": "vit", "architecture": "vit_huge"}, "timm has no such network"),
        ({"name": "gcvit_xxtiny", "colour": 1}, "colour"),
    ):
        with pytest.raises(ValueError, match=words):
            nets.build(net, 128)
    with pytest.raises(ValueError, match="multiple of 32"):
        nets.build({"name": "gcvit_xxtiny"}, 100)


def test_the_encoder_is_inception_resnet_v2_weight_for_weight():
    published = timm.create_model("inception_resnet_v2", pretrained=False, num_classes=0)

    def shapes(net):
        return sorted(tuple(p.shape) for p in net.parameters())

    assert shapes(InceptionResnet()) == shapes(published)


def test_a_logit_is_the_mean_of_the_last_map_weighed_by_the_head():
    net = nets.build({"name": "inception_unet", "width": 0.1, "blocks": (1, 1, 1)}, 64).eval()
    with torch.no_grad():
        logits, features = net(torch.randn(2, 3, 64, 64))
        assert features.shape[2:] == (64, 64)
        assert torch.allclose(logits, features.mean((2, 3)) @ net.head.weight.T + net.head.bias, atol=1e-5)


def test_the_heat_maps_in_the_repository_are_what_the_script_writes(tmp_path):
    cam_fixtures.write(tmp_path)
    names = sorted(path.name for path in IN_THE_REPOSITORY.iterdir())
    assert names == sorted(path.name for path in tmp_path.iterdir())
    for name in names:
        assert np.allclose(np.load(tmp_path / name), np.load(IN_THE_REPOSITORY / name), atol=1e-6), name
