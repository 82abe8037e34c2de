"""Record what PyTorch's layers do: tests/golden/modules.json.

Each record is a constructor call with seed 0, its printed form, the names, shapes and sums of its
state, and its output and gradients for fixed inputs. Run it with the reference PyTorch (2.13.0)
installed: ``python tools/record_modules.py``.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden" / "modules.json"

# Constructor call -> shapes of the inputs; "i" before a shape: class indices below 4, "c": values
# without gradient.
LAYERS = {
    "Linear(4, 3)": ["2 4"],
    "Linear(4, 3, bias=False)": ["2 5 4"],
    "Bilinear(3, 4, 2)": ["5 3", "5 4"],
    "Identity()": ["2 3"],
    "Flatten()": ["2 3 4"],
    "Unflatten(1, (2, 3))": ["2 6"],
    "Conv1d(2, 4, 3, padding=1, groups=2)": ["2 2 7"],
    "Conv2d(3, 4, 3)": ["2 3 6 5"],
    "Conv2d(3, 4, (3, 2), stride=2, padding=(1, 0), bias=False)": ["2 3 6 5"],
    "Conv2d(2, 3, 3, dilation=2, padding='same')": ["1 2 6 6"],
    "Conv2d(2, 3, 3, padding=1, padding_mode='reflect')": ["1 2 5 5"],
    "Conv2d(2, 3, 3, padding=(1, 2), padding_mode='circular')": ["1 2 5 5"],
    "Conv3d(2, 3, 2)": ["1 2 3 4 3"],
    "ConvTranspose1d(2, 3, 3, stride=2)": ["1 2 4"],
    "ConvTranspose2d(2, 4, 3, stride=2, output_padding=1, groups=2)": ["1 2 4 3"],
    "ConvTranspose3d(2, 2, 2)": ["1 2 2 3 2"],
    "MaxPool1d(2)": ["1 2 7"],
    "MaxPool2d(3, stride=2, padding=1, ceil_mode=True)": ["1 2 7 6"],
    "MaxPool2d(2, dilation=2)": ["1 2 6 6"],
    "MaxPool3d(2)": ["1 1 4 4 5"],
    "AvgPool1d(3, stride=1)": ["1 2 7"],
    "AvgPool2d(2, padding=1, count_include_pad=False)": ["1 2 5 5"],
    "AvgPool2d(3, stride=2, ceil_mode=True)": ["1 2 6 6"],
    "AvgPool3d(2)": ["1 1 4 4 5"],
    "AdaptiveAvgPool1d(3)": ["1 2 7"],
    "AdaptiveAvgPool2d((2, 3))": ["1 2 5 7"],
    "AdaptiveAvgPool2d((None, 1))": ["1 2 5 7"],
    "AdaptiveMaxPool2d(2)": ["1 2 5 7"],
    "LPPool2d(2.0, 2)": ["1 2 4 4"],
    "BatchNorm1d(4)": ["5 4"],
    "BatchNorm2d(3, momentum=None)": ["2 3 4 4"],
    "BatchNorm2d(3, affine=False, track_running_stats=False)": ["2 3 4 4"],
    "BatchNorm2d(3, bias=False)": ["2 3 4 4"],
    "BatchNorm3d(2)": ["2 2 2 2 3"],
    "InstanceNorm2d(3, affine=True, track_running_stats=True)": ["2 3 4 4"],
    "GroupNorm(2, 4)": ["2 4 3 3"],
    "LayerNorm((3, 4))": ["2 3 4"],
    "RMSNorm(4)": ["2 3 4"],
    "LocalResponseNorm(3)": ["1 5 3 3"],
    "ReLU()": ["2 3"],
    "ReLU6()": ["2 3"],
    "LeakyReLU(0.1)": ["2 3"],
    "PReLU(3)": ["2 3"],
    "ELU(0.5)": ["2 3"],
    "SELU()": ["2 3"],
    "CELU(2.0)": ["2 3"],
    "GELU()": ["2 3"],
    "GELU('tanh')": ["2 3"],
    "SiLU()": ["2 3"],
    "Mish()": ["2 3"],
    "Sigmoid()": ["2 3"],
    "Tanh()": ["2 3"],
    "Hardtanh()": ["2 3"],
    "Hardswish()": ["2 3"],
    "Hardsigmoid()": ["2 3"],
    "Hardshrink()": ["2 3"],
    "Softshrink()": ["2 3"],
    "Softplus(2)": ["2 3"],
    "Softsign()": ["2 3"],
    "Tanhshrink()": ["2 3"],
    "LogSigmoid()": ["2 3"],
    "Threshold(0.1, 20.0)": ["2 3"],
    "GLU()": ["2 4"],
    "Softmax(dim=1)": ["2 3"],
    "LogSoftmax(dim=-1)": ["2 3"],
    "Softmin(dim=0)": ["2 3"],
    "Softmax2d()": ["1 3 2 2"],
    "Dropout(0.4)": ["4 6"],
    "Dropout2d(0.4)": ["4 3 2 2"],
    "AlphaDropout(0.4)": ["4 6"],
    "FeatureAlphaDropout(0.4)": ["4 3 2 2"],
    "Embedding(4, 3)": ["i2 5"],
    "Embedding(4, 3, padding_idx=1, max_norm=1.0)": ["i2 5"],
    "EmbeddingBag(4, 3)": ["i2 5"],
    "EmbeddingBag(4, 3, mode='max')": ["i2 5"],
    "PixelShuffle(2)": ["1 8 2 3"],
    "PixelUnshuffle(2)": ["1 2 4 6"],
    "ChannelShuffle(2)": ["1 4 2 2"],
    "Upsample(scale_factor=2)": ["1 2 3 4"],
    "Upsample(scale_factor=2, mode='bilinear')": ["1 2 3 4"],
    "UpsamplingBilinear2d((5, 7))": ["1 2 3 4"],
    "Upsample(size=7, mode='linear')": ["1 2 5"],
    "Upsample(scale_factor=1.5, mode='bicubic')": ["1 1 4 4"],
    "Upsample(scale_factor=2, mode='trilinear')": ["1 1 2 3 2"],
    "Unfold((2, 3), padding=1, stride=2)": ["1 2 5 6"],
    "Fold((4, 5), 2)": ["1 8 12"],
    "ZeroPad2d((1, 2, 0, 1))": ["1 2 3 3"],
    "ConstantPad1d(2, 3.5)": ["1 2 3"],
    "ReflectionPad2d(1)": ["1 2 3 3"],
    "ReplicationPad3d(1)": ["1 1 2 2 2"],
    "CircularPad2d((1, 0, 2, 1))": ["1 2 3 3"],
    "CosineSimilarity()": ["3 4", "3 4"],
    "PairwiseDistance(p=1.0)": ["3 4", "3 4"],
    "RNN(3, 4)": ["5 2 3"],
    "RNN(3, 4, 2, nonlinearity='relu', batch_first=True)": ["2 5 3"],
    "GRU(3, 4, 2, bidirectional=True)": ["5 2 3"],
    "LSTM(3, 4)": ["5 2 3"],
    "LSTM(3, 4, 2, batch_first=True, bidirectional=True, proj_size=2)": ["2 5 3"],
    "RNNCell(3, 4)": ["2 3"],
    "GRUCell(3, 4)": ["2 3"],
    "LSTMCell(3, 4)": ["2 3"],
    "MultiheadAttention(4, 2)": ["5 2 4", "3 2 4", "3 2 4"],
    "MultiheadAttention(4, 2, kdim=3, vdim=5, add_bias_kv=True, add_zero_attn=True)": [
        "5 2 4",
        "3 2 3",
        "3 2 5",
    ],
    "TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)": ["2 3 4"],
    "TransformerEncoderLayer(4, 2, 8, dropout=0.0, activation='gelu', norm_first=True)": ["3 2 4"],
    "TransformerDecoderLayer(4, 2, 8, dropout=0.0)": ["3 2 4", "5 2 4"],
    "Transformer(4, 2, 1, 1, 8, dropout=0.0)": ["3 2 4", "5 2 4"],
    "Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))": ["2 3"],
    "ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU()])": None,
    "ModuleDict({'a': nn.Linear(2, 2), 'b': nn.ReLU()})": None,
    "ParameterList([torch.zeros(2), 3])": None,
    "ParameterDict({'b': torch.zeros(2, 3), 'a': torch.zeros(1)})": None,
    "MSELoss()": ["3 4", "c3 4"],
    "L1Loss(reduction='sum')": ["3 4", "3 4"],
    "SmoothL1Loss(beta=0.5)": ["3 4", "3 4"],
    "HuberLoss(delta=0.5)": ["3 4", "3 4"],
    "CrossEntropyLoss()": ["3 4", "i3"],
    "CrossEntropyLoss(label_smoothing=0.2, reduction='none')": ["3 4", "i3"],
    "CrossEntropyLoss(ignore_index=1)": ["2 4 3", "i2 3"],
    "NLLLoss()": ["3 4", "i3"],
    "BCEWithLogitsLoss()": ["3 4", "3 4"],
    "SoftMarginLoss()": ["3 4", "c3 4"],
    "MultiMarginLoss(p=2)": ["3 4", "i3"],
    "HingeEmbeddingLoss()": ["3 4", "c3 4"],
    "PoissonNLLLoss()": ["3 4", "c3 4"],
    "TripletMarginLoss(swap=True)": ["3 4", "3 4", "3 4"],
    "KLDivLoss(reduction='batchmean', log_target=True)": ["3 4", "c3 4"],
    "AdaptiveLogSoftmaxWithLoss(8, 4, [1, 2], div_value=2.0)": ["5 8", "i5"],
}


def inputs_of(torch, specs: list[str]) -> list:
    """The inputs: values are a fixed sequence, so that no random stream is involved."""
    inputs = []
    for number, spec in enumerate(specs):
        index = spec.startswith("i")
        shape = [int(n) for n in spec.lstrip("ic").split()]
        count = 1
        for n in shape:
            count *= n
        if index:
            values = [(3 * k + k * k) % 4 for k in range(count)]
            inputs.append(torch.tensor(values).view(shape))
        else:
            values = [((37 * (k + 11 * number) * (k + 3)) % 97) / 32 - 1.5 for k in range(count)]
            value = torch.tensor(values).view(shape)
            inputs.append(value if spec.startswith("c") else value.requires_grad_())
    return inputs


def flat(value, tensor_class) -> list:
    """All tensors in a nesting of tuples, in order."""
    if isinstance(value, tensor_class):
        return [value]
    if isinstance(value, (tuple, list)):
        return [t for member in value for t in flat(member, tensor_class)]
    return []


def run(torch, call: str, specs: list[str] | None) -> dict:
    """What one layer does."""
    nn = torch.nn
    torch.manual_seed(0)
    module = eval(f"nn.{call}", {"torch": torch, "nn": nn})
    state = module.state_dict()
    record = {
        "repr": repr(module),
        "state": {name: [list(t.shape), float(t.double().sum())] for name, t in state.items()},
    }
    if specs is None:
        return record
    inputs = inputs_of(torch, specs)
    torch.manual_seed(1)
    outputs = flat(module(*inputs), torch.Tensor)
    record["outputs"] = [[list(t.shape), t.detach().double().reshape(-1).tolist()] for t in outputs]
    total = 0
    for t in outputs:
        if t.requires_grad:
            weights = torch.arange(t.numel(), dtype=t.dtype).view(t.shape) % 5 - 1.5
            total = total + (t * weights).sum()
    if isinstance(total, torch.Tensor):
        total.backward()
        record["gradients"] = [
            None if t.grad is None else t.grad.double().reshape(-1).tolist() for t in inputs
        ]
        record["parameter_gradients"] = {
            name: float((p.grad.double() ** 2).sum())
            for name, p in module.named_parameters()
            if p.grad is not None
        }
    record["buffers"] = {
        name: b.double().reshape(-1).tolist() for name, b in module.named_buffers()
    }
    return record


def main() -> None:
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    records = {call: run(torch, call, specs) for call, specs in LAYERS.items()}
    lines = ",\n".join(f"{json.dumps(call)}: {json.dumps(r)}" for call, r in records.items())
    GOLDEN.write_text("{\n" + lines + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
