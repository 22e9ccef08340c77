"""Segmentation masks (NIfTI) -> which vertebrae each slice of a study shows.

Voxel labels are 1 to 7 for C1 to C7 and 8 upwards for T1 and below. A slice shows a vertebra where any of its voxels carries the
label. Slices and voxels are matched by their position along the body, so that neither file order nor axis direction matters.
"""

from pathlib import Path

import nibabel
import numpy as np

RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])
LEVELS = 7


def path_of(folder: Path, uid: str) -> Path | None:
    """The mask of a study, where there is one."""
    found = (folder / "segmentations" / f"{uid}{ending}" for ending in (".nii", ".nii.gz"))
    return next((path for path in found if path.exists()), None)


def visible(path: Path, normal: np.ndarray, z_mm: np.ndarray) -> np.ndarray:
    """Slices x 7 of 0 and 1; -1 for slices beyond the mask.

    `normal` points towards the head (LPS), `z_mm` are the slices' positions along it.
    """
    image = nibabel.load(path)
    labels, affine = np.asarray(image.dataobj), image.affine
    if labels.ndim != 3:
        raise ValueError(f"{path}: has {labels.ndim} dimensions, a mask has 3")
    along = affine[:3, 2] * RAS_TO_LPS
    spacing = float(np.linalg.norm(along))
    step = float(np.dot(along, normal))
    # less than the spacing where the gantry was tilted
    if abs(step) < 0.7 * spacing:
        raise ValueError(f"{path}: its third axis does not run along the slices' normal; store it as axial slices")
    first = float(np.dot(affine[:3, 3] * RAS_TO_LPS, normal))
    position = first + step * np.arange(labels.shape[2])
    shown = np.stack([(labels == level).any((0, 1)) for level in range(1, LEVELS + 1)], 1)
    nearest = abs(z_mm[:, None] - position[None]).argmin(1)
    matched = abs(z_mm - position[nearest]) <= abs(step) / 2 + 1e-3
    if not matched.any():
        raise ValueError(f"{path}: lies at {position.min():.1f} to {position.max():.1f} mm, the study at {z_mm.min():.1f} to {z_mm.max():.1f} mm")
    return np.where(matched[:, None], shown[nearest], -1).astype(np.int8)
