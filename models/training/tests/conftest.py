"""A tiny data set in the RSNA layout: a ring whose size says which vertebra it is, with a hole where it is broken."""

import csv
from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from spinewatch_training import settings
from spinewatch_training.dataset import LEVELS

# two busy threads wait for each other longer than these small networks take
torch.set_num_threads(1)
STUDIES, SLICES, MATRIX, SPACING_MM = 10, 21, 64, 2.0


def level_of(position: int) -> int:
    """Three slices a level, from head to foot."""
    return position * 7 // SLICES


def write_slice(path: Path, hounsfield: np.ndarray, z_mm: float, orientation=(1, 0, 0, 0, 1, 0)) -> None:
    """A stripped header as in the real data, with intercept and slope that matter."""
    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(path)])
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.Rows, dataset.Columns = hounsfield.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation, dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 0, 1, "MONOCHROME2"
    dataset.PixelSpacing = [0.5, 0.25]
    dataset.RescaleIntercept, dataset.RescaleSlope = -1024, 2
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0, 0, z_mm], list(orientation)
    dataset.PixelData = ((hounsfield + 1024) // 2).astype("<u2").tobytes()
    dataset.save_as(path, enforce_file_format=True)


def ring(rng: np.random.Generator, level: int, broken: bool) -> tuple[np.ndarray, list[float] | None]:
    """Hounsfield units, and the box around the hole where there is one."""
    y, x = np.mgrid[:MATRIX, :MATRIX] - MATRIX / 2
    centre = rng.uniform(-4, 4, 2)
    distance = np.hypot(x - centre[0], y - centre[1])
    radius = 5 + 3 * level
    image = rng.normal(40, 30, (MATRIX, MATRIX)) + 900 * (abs(distance - radius) < 3)
    box = None
    if broken:
        angle = rng.uniform(0, 2 * np.pi)
        left, top = centre + radius * np.array([np.cos(angle), np.sin(angle)]) + MATRIX / 2 - 8
        columns, rows = x + MATRIX / 2, y + MATRIX / 2
        image[(columns >= left) & (columns < left + 16) & (rows >= top) & (rows < top + 16)] = -400
        box = [left, top, 16, 16]
    return image.astype(int), box


@pytest.fixture(scope="session")
def rsna(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rsna")
    rng = np.random.default_rng(3)
    train, boxes, slices = [], [], []
    for study in range(STUDIES):
        uid = f"1.2.826.0.1.{study}"
        (folder / "train_images" / uid).mkdir(parents=True)
        fractured = study % 7 if study % 5 else None
        train.append([uid, int(fractured is not None), *(int(level == fractured) for level in range(7))])
        for position in range(SLICES):
            # one study's files count from foot to head
            number = SLICES - position if study == 1 else position + 1
            image, box = ring(rng, level_of(position), level_of(position) == fractured)
            write_slice(folder / "train_images" / uid / f"{number}.dcm", image, 500.0 - SPACING_MM * position)
            slices.append([uid, number, *(int(level == level_of(position)) for level in range(7))])
            if box is not None:
                boxes.append([uid, *box, number])
    _write(folder / "train.csv", ["StudyInstanceUID", "patient_overall", *LEVELS], train)
    _write(folder / "train_bounding_boxes.csv", ["StudyInstanceUID", "x", "y", "width", "height", "slice_number"], boxes)
    _write(folder / "slices.csv", ["StudyInstanceUID", "slice_number", *LEVELS], slices)
    return folder


def _write(path: Path, header: list[str], rows: list[list]) -> None:
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


RUN = """
name = "{kind}-tiny"
kind = "{kind}"
output = "{out}/run"
[data]
folder = "{folder}"
cache = "{out}/cache"
validation_share = 0.3
description = "rings"
[recipe]
size = 64
neighbours = "{neighbours}"
[net]
{net}
[training]
epochs = {epochs}
minutes = 5
batch = {batch}
learning_rate = 3e-3
average_decay = 0.9
[augmentation]
scale = 0.02
shift = 0.02
rotation_degrees = 3
brightness = 0.02
contrast = 0.05
noise = 0.01
blur = 0.0
[quantisation]
calibration_slices = 32
sensitivity_slices = 16
[export]
package = "{out}/package"
version = "0.0.1"
intended_use = "tests \\"only\\""
limits = "rings"
operating_point = {point}
"""

GCVIT = 'name = "gcvit"\nembed_dim = 16\ndepths = [1, 1, 2, 1]\nnum_heads = [1, 2, 2, 4]'
UNET = 'name = "inception_unet"\nwidth = 0.1\nblocks = [1, 1, 1]'
YOLO = 'name = "yolov8"\nwidths = [8, 8, 16, 16, 32]\nblocks = [1, 1]\nbins = 8'


@pytest.fixture
def run(rsna: Path, tmp_path: Path):
    """Settings of a run on the rings: `run(kind, epochs)`."""

    def make(kind: str, epochs: int) -> settings.Settings:
        nets = {
            "vertebra-classifier": ("none", GCVIT, "{ thresholds = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], gate = 0.3 }", 8),
            "fracture-classifier": ("none", UNET, "{ thresholds = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5] }", 8),
            "fracture-detector": ("adjacent", YOLO, "{ score = 0.25, nms_iou = 0.5, finding_score = 0.5 }", 8),
        }
        neighbours, net, point, batch = nets[kind]
        path = tmp_path / "run.toml"
        path.write_text(RUN.format(kind=kind, out=tmp_path, folder=rsna, neighbours=neighbours, net=net, point=point, epochs=epochs, batch=batch))
        return settings.load(path)

    return make
