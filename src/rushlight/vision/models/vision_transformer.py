"""Vision Transformer: an encoder that reads an image's patches (https://arxiv.org/abs/2010.11929)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from ... import Tensor, cat, empty, nn, zeros
from ...nn import functional as F
from ..ops.misc import MLP, Conv2dNormActivation
from ..transforms import InterpolationMode
from ._api import Weights, WeightsEnum
from ._builder import builder, imagenet, settle

__all__ = [
    "ViT_B_16_Weights",
    "ViT_B_32_Weights",
    "ViT_H_14_Weights",
    "ViT_L_16_Weights",
    "ViT_L_32_Weights",
    "VisionTransformer",
    "vit_b_16",
    "vit_b_32",
    "vit_h_14",
    "vit_l_16",
    "vit_l_32",
]

_layer_norm = partial(nn.LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """One convolution of a stem that takes the place of cutting the image into patches."""

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: Callable[..., nn.Module] = nn.BatchNorm2d
    activation_layer: Callable[..., nn.Module] = nn.ReLU


class MLPBlock(MLP):
    """Two linear layers with GELU between them."""

    _version = 2

    def __init__(self, in_dim: int, mlp_dim: int, dropout: float) -> None:
        super().__init__(
            in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, inplace=None, dropout=dropout
        )
        start_mlp(self)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest) -> None:
        # In files of version 1 the linear layers are called linear_1 and linear_2.
        if (local_metadata.get("version") or 1) < 2:
            for kind in ("weight", "bias"):
                for old, new in (("linear_1", "0"), ("linear_2", "3")):
                    if f"{prefix}{old}.{kind}" in state_dict:
                        state_dict[f"{prefix}{new}.{kind}"] = state_dict.pop(
                            f"{prefix}{old}.{kind}"
                        )
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


def start_mlp(mlp: nn.Module) -> None:
    """Give the linear layers of a transformer's MLP their starting values."""
    for module in mlp.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=1e-6)


class EncoderBlock(nn.Module):
    """Self-attention and an MLP, each after normalisation and beside a shortcut; (N, length, hidden_dim) throughout."""

    def __init__(
        self,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Callable[..., nn.Module] = _layer_norm,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(
            hidden_dim, num_heads, dropout=attention_dropout, batch_first=True
        )
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input: Tensor) -> Tensor:
        _require_sequence(input)
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        x = self.dropout(x) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Adds the positions to (N, seq_length, hidden_dim) and applies `num_layers` blocks."""

    def __init__(
        self,
        seq_length: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Callable[..., nn.Module] = _layer_norm,
    ) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(empty(1, seq_length, hidden_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential()
        for i in range(num_layers):
            block = EncoderBlock(
                num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
            )
            self.layers.add_module(f"encoder_layer_{i}", block)
        self.ln = norm_layer(hidden_dim)

    def forward(self, input: Tensor) -> Tensor:
        _require_sequence(input)
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)


def _require_sequence(x: Tensor) -> None:
    _require(x.dim() == 3, f"Expected (batch_size, seq_length, hidden_dim) got {x.shape}")


class VisionTransformer(nn.Module):
    """An encoder that reads a class token and an image's patches; the token's result is classified.

    Args:
        image_size, patch_size: height and width in pixels; the second divides the first.
        num_layers, num_heads, hidden_dim, mlp_dim: of the encoder.
        dropout, attention_dropout: probabilities. Default: 0.
        num_classes: length of a row of the output. Default: 1000.
        representation_size: width of a hidden layer before the last. Default: none.
        norm_layer: called with a number of features. Default: layer normalisation with eps 1e-6.
        conv_stem_configs: convolutions in place of cutting into patches.

    Raises:
        AssertionError: the patches do not fill the image; the image has another size.

    Example:
        >>> from rushlight.vision.models import VisionTransformer
        >>> VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=10)(torch.zeros(1, 3, 32, 32)).shape
        torch.Size([1, 10])
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        norm_layer: Callable[..., nn.Module] = _layer_norm,
        conv_stem_configs: list[ConvStemConfig] | None = None,
    ) -> None:
        super().__init__()
        _require(image_size % patch_size == 0, "Input shape indivisible by patch size!")
        self.image_size = image_size
        self.patch_size = patch_size
        self.hidden_dim = hidden_dim
        self.mlp_dim = mlp_dim
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.num_classes = num_classes
        self.representation_size = representation_size
        self.norm_layer = norm_layer
        if conv_stem_configs is None:
            self.conv_proj: nn.Module = nn.Conv2d(3, hidden_dim, patch_size, patch_size)
        else:
            self.conv_proj = _stem(conv_stem_configs, hidden_dim)
        self.class_token = nn.Parameter(zeros(1, 1, hidden_dim))
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.encoder = Encoder(
            self.seq_length,
            num_layers,
            num_heads,
            hidden_dim,
            mlp_dim,
            dropout,
            attention_dropout,
            norm_layer,
        )
        self.heads = nn.Sequential()
        if representation_size is not None:
            self.heads.pre_logits = nn.Linear(hidden_dim, representation_size)
            self.heads.act = nn.Tanh()
        self.heads.head = nn.Linear(representation_size or hidden_dim, num_classes)
        self._start()

    def _start(self) -> None:
        """Starting values of the first and the last layers; the encoder's are set by its parts."""
        init = nn.init
        conv = self.conv_proj
        if isinstance(conv, nn.Conv2d):
            init.trunc_normal_(conv.weight, std=math.sqrt(1 / conv.weight[0].numel()))
        else:
            conv = conv.conv_last
            init.normal_(conv.weight, std=math.sqrt(2.0 / conv.out_channels))
        init.zeros_(conv.bias)
        if self.representation_size is not None:
            layer = self.heads.pre_logits
            init.trunc_normal_(layer.weight, std=math.sqrt(1 / layer.in_features))
            init.zeros_(layer.bias)
        init.zeros_(self.heads.head.weight)
        init.zeros_(self.heads.head.bias)

    def _process_input(self, x: Tensor) -> Tensor:
        """The patches of images (N, 3, H, W) as (N, seq_length - 1, hidden_dim)."""
        for name, size in (("height", x.shape[2]), ("width", x.shape[3])):
            expected = self.image_size
            _require(size == expected, f"Wrong image {name}! Expected {expected} but got {size}!")
        return self.conv_proj(x).flatten(2).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self._process_input(x)
        x = cat([self.class_token.expand(len(x), -1, -1), x], 1)
        return self.heads(self.encoder(x)[:, 0])


def _stem(configs: list[ConvStemConfig], hidden_dim: int) -> nn.Sequential:
    stem = nn.Sequential()
    channels = 3
    for i, config in enumerate(configs):
        layer = Conv2dNormActivation(
            channels,
            config.out_channels,
            config.kernel_size,
            config.stride,
            norm_layer=config.norm_layer,
            activation_layer=config.activation_layer,
        )
        stem.add_module(f"conv_bn_relu_{i}", layer)
        channels = config.out_channels
    stem.conv_last = nn.Conv2d(channels, hidden_dim, 1)
    return stem


def interpolate_embeddings(
    image_size: int,
    patch_size: int,
    model_state: dict[str, Tensor],
    interpolation_mode: str = "bicubic",
    reset_heads: bool = False,
) -> dict[str, Tensor]:
    """Weights of a model for one image size, for a model of another.

    Args:
        image_size, patch_size: of the new model, in pixels.
        model_state: state dict; its positions are replaced.
        interpolation_mode: as of `nn.functional.interpolate`. Default: "bicubic".
        reset_heads: leave out the last layers, if the size differs. Default: False.

    Returns:
        The state dict, without its heads if asked for.

    Raises:
        ValueError: positions not of the shape (1, n * n + 1, hidden_dim).
    """
    positions = model_state["encoder.pos_embedding"]
    batch, length, hidden_dim = positions.shape
    if batch != 1:
        raise ValueError(f"Unexpected position embedding shape: {positions.shape}")
    size = image_size // patch_size
    if size**2 + 1 == length:
        return model_state
    old_size = math.isqrt(length - 1)
    if old_size**2 != length - 1:
        raise ValueError(
            "seq_length is not a perfect square! Instead got seq_length_1d * seq_length_1d = "
            f"{old_size**2} and seq_length = {length - 1}"
        )
    token, grid = positions[:, :1], positions[:, 1:]
    grid = grid.transpose(1, 2).reshape(1, hidden_dim, old_size, old_size)
    grid = F.interpolate(grid, size=size, mode=interpolation_mode, align_corners=True)
    model_state["encoder.pos_embedding"] = cat([token, grid.flatten(2).transpose(1, 2)], 1)
    if reset_heads:
        return type(model_state)(
            (k, v) for k, v in model_state.items() if not k.startswith("heads")
        )
    return model_state


_imagenet = partial(imagenet, min_size=224)
# Trained on hashtags first (https://arxiv.org/abs/2201.08371), under terms of their own.
swag = partial(
    _imagenet,
    interpolation=InterpolationMode.BICUBIC,
    license="https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
)


class ViT_B_16_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("vit_b_16-c867db91", 86_567_656, 81.072, 95.318)
    IMAGENET1K_SWAG_E2E_V1 = swag(
        "vit_b_16_swag-9ac1b537", 86_859_496, 85.304, 97.65, 384, 384, min_size=384
    )
    IMAGENET1K_SWAG_LINEAR_V1 = swag(
        "vit_b_16_lc_swag-4e70ced5", 86_567_656, 81.886, 96.18, 224, 224
    )
    DEFAULT = IMAGENET1K_V1


class ViT_B_32_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("vit_b_32-d86f8d99", 88_224_232, 75.912, 92.466)
    DEFAULT = IMAGENET1K_V1


class ViT_L_16_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("vit_l_16-852ce7e3", 304_326_632, 79.662, 94.638, 224, 242)
    IMAGENET1K_SWAG_E2E_V1 = swag(
        "vit_l_16_swag-4f3808c9", 305_174_504, 88.064, 98.512, 512, 512, min_size=512
    )
    IMAGENET1K_SWAG_LINEAR_V1 = swag(
        "vit_l_16_lc_swag-4d563306", 304_326_632, 85.146, 97.422, 224, 224
    )
    DEFAULT = IMAGENET1K_V1


class ViT_L_32_Weights(WeightsEnum):
    IMAGENET1K_V1 = _imagenet("vit_l_32-c7638314", 306_535_400, 76.972, 93.07)
    DEFAULT = IMAGENET1K_V1


class ViT_H_14_Weights(WeightsEnum):
    IMAGENET1K_SWAG_E2E_V1 = swag(
        "vit_h_14_swag-80465313", 633_470_440, 88.552, 98.694, 518, 518, min_size=518
    )
    IMAGENET1K_SWAG_LINEAR_V1 = swag(
        "vit_h_14_lc_swag-c1eb923e", 632_045_800, 85.708, 97.73, 224, 224
    )
    DEFAULT = IMAGENET1K_SWAG_E2E_V1


def _builder(enum: type[WeightsEnum]) -> Any:
    def fit_image(kwargs: dict[str, Any], weights: Weights) -> None:
        settle(kwargs, image_size=weights.meta["min_size"][0])

    return builder(enum, adapt=fit_image)


def _base(patch_size: int, image_size: int = 224, **kwargs: Any) -> VisionTransformer:
    return VisionTransformer(image_size, patch_size, 12, 12, 768, 3072, **kwargs)


def _large(patch_size: int, image_size: int = 224, **kwargs: Any) -> VisionTransformer:
    return VisionTransformer(image_size, patch_size, 24, 16, 1024, 4096, **kwargs)


@_builder(ViT_B_16_Weights)
def vit_b_16(**kwargs: Any) -> VisionTransformer:
    """The base Vision Transformer with patches of 16 pixels."""
    return _base(16, **kwargs)


@_builder(ViT_B_32_Weights)
def vit_b_32(**kwargs: Any) -> VisionTransformer:
    """The base Vision Transformer with patches of 32 pixels."""
    return _base(32, **kwargs)


@_builder(ViT_L_16_Weights)
def vit_l_16(**kwargs: Any) -> VisionTransformer:
    """The large Vision Transformer with patches of 16 pixels."""
    return _large(16, **kwargs)


@_builder(ViT_L_32_Weights)
def vit_l_32(**kwargs: Any) -> VisionTransformer:
    """The large Vision Transformer with patches of 32 pixels."""
    return _large(32, **kwargs)


@_builder(ViT_H_14_Weights)
def vit_h_14(image_size: int = 224, **kwargs: Any) -> VisionTransformer:
    """The huge Vision Transformer with patches of 14 pixels."""
    return VisionTransformer(image_size, 14, 32, 16, 1280, 5120, **kwargs)
