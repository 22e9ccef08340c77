"""The vertebra classifier of arXiv 2311.05708: a global context vision transformer (arXiv 2206.09959) with image and metadata."""

from .multi_input import MultiInput, of_timm


class VertebraTransformer(MultiInput):
    """image N x 3 x size x size (a multiple of 32), metadata N x 3 -> logits N x 7.

    `gcvit_xxtiny` (11 M weights) at 128 is the edge network, `gcvit_tiny` (28 M) at 224 that of the paper. Nothing is
    dropped on the way (drop path 0): from random weights the network is small against the augmented slices.
    """

    def __init__(
        self, size: int, architecture: str = "gcvit_xxtiny", metadata_width: int = 16, hidden: int = 128,
        dropout: float = 0.1, drop_path: float = 0.0,
    ):  # fmt: skip
        if not architecture.startswith("gcvit"):
            raise ValueError(f"[net] architecture = {architecture!r}: must be one of timm's gcvit networks, such as gcvit_xxtiny")
        if size % 32:
            raise ValueError(f"[recipe] size = {size}: GCViT halves the image five times, so it must be a multiple of 32")
        whole = of_timm(architecture, size, metadata_width, hidden, dropout, img_size=size, drop_path_rate=drop_path)
        super().__init__(whole.image, whole.head[1].in_features - metadata_width, metadata_width, hidden, dropout)
