"""Known networks with random weights as ONNX in float32 and in four forms of static int8, for the engine's benches.

They say something about speed and arithmetic, and nothing about images.
"""

from collections.abc import Callable
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from .export import OPSET
from .nets.gcvit import gcvit_xxtiny
from .nets.inception_unet import FractureClassifier, FractureClassifierForExport
from .nets.yolov8 import YoloV8ForExport, yolov8


class Probabilities(FractureClassifierForExport):
    """Without its feature map."""

    def forward(self, image: Tensor) -> Tensor:
        return super().forward(image)[0]


Network = tuple[Callable[[int], nn.Module], int]
NETWORKS: dict[str, Network] = {
    "gcvit-xxtiny-128": (gcvit_xxtiny, 128),
    "yolov8n-512": (lambda size: YoloV8ForExport(yolov8("yolov8n", size)), 512),
    "inception-resnet-v2-unet-128": (lambda size: Probabilities(FractureClassifier(size, decoder=(256, 128, 64, 32, 16))), 128),
}
PRODUCTS = ["Conv", "MatMul", "Gemm"]
# form of the file's name -> form of the graph, operators that are quantised (none: all that ONNX Runtime can)
FORMS = {
    "qdq": (QuantFormat.QDQ, None),
    "qdq-products": (QuantFormat.QDQ, PRODUCTS),
    "qoperator": (QuantFormat.QOperator, None),
    "qoperator-products": (QuantFormat.QOperator, PRODUCTS[:2]),
}
NOTE = "random weights: speed and arithmetic only"
CALIBRATION_IMAGES = 8


def write(folder: Path, networks: dict[str, Network] = NETWORKS) -> list[Path]:
    """`<network>.float32.onnx` and `<network>.<form>.onnx` of every network, batch 1."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, (build, size) in networks.items():
        torch.manual_seed(0)
        net = build(size)
        settle(net, size)
        single = folder / f"{name}.float32.onnx"
        to_onnx(net, size, single)
        written += [single, *quantise(single, size)]
    for path in written:
        model = onnx.load(path)
        model.doc_string = NOTE
        onnx.save(model, path)
    return written


def settle(net: nn.Module, size: int) -> None:
    """Batch normalisation gets the statistics of the images, so that activations neither vanish nor explode."""
    net.eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train().reset_running_stats()
            module.momentum = None
    with torch.no_grad():
        for seed in range(4):
            net(images(4, size, 100 + seed))
    net.eval()


def to_onnx(net: nn.Module, size: int, path: Path) -> None:
    """Float32 with fixed sizes, batch normalisation folded into the convolutions."""
    torch.onnx.export(
        net, (images(1, size, 7),), str(path), opset_version=OPSET, dynamo=False, input_names=["image"], output_names=["output"]
    )


class Images(CalibrationDataReader):
    """Synthetic images, one after the other."""

    def __init__(self, size: int):
        self.images = iter([images(1, size, 500 + seed).numpy() for seed in range(CALIBRATION_IMAGES)])

    def get_next(self) -> dict | None:
        image = next(self.images, None)
        return None if image is None else {"image": image}


def quantise(single: Path, size: int) -> list[Path]:
    """Every form beside the float32 file: u8 activations, i8 weights per channel."""
    prepared = single.with_suffix(".prepared.onnx")
    quant_pre_process(str(single), str(prepared), skip_symbolic_shape=True)
    written = []
    for form, (graph, operators) in tqdm(FORMS.items(), single.stem):
        path = single.with_name(single.name.replace("float32", form))
        quantize_static(
            str(prepared), str(path), Images(size), quant_format=graph, per_channel=True, weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8, calibrate_method=CalibrationMethod.MinMax, op_types_to_quantize=operators,
        )  # fmt: skip
        written.append(path)
    prepared.unlink()
    return written


def images(count: int, size: int, seed: int) -> Tensor:
    """Noise at three scales in a round body on a dark ground, N x 3 x size x size, about zero mean and unit range."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    made = []
    for _ in range(count):
        image = torch.zeros(1, 3, size, size)
        for cells, share in ((4, 0.6), (12, 0.4), (40, 0.25)):
            coarse = torch.randn(1, 3, cells, cells, generator=generator)
            image += share * functional.interpolate(coarse, size=(size, size), mode="bilinear")
        across, wide, along, high = torch.rand(4, generator=generator)
        left, top = 0.3 * (across - 0.5), 0.3 * (along - 0.5)
        body = (((x - left) / (0.6 + 0.3 * wide)) ** 2 + ((y - top) / (0.5 + 0.3 * high)) ** 2 < 1).float()
        grain = 0.05 * torch.randn(1, 3, size, size, generator=generator)
        made.append((image * body + (body - 1) * 1.5 + grain).clamp(-2.5, 2.5))
    return torch.cat(made)
