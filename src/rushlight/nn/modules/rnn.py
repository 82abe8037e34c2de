"""Recurrent layers and cells."""

from __future__ import annotations

import math
import warnings

from .. import init
from .._package import Tensor, ops, rl
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from .module import Module

__all__ = ["RNNBase", "RNN", "LSTM", "GRU", "RNNCellBase", "RNNCell", "LSTMCell", "GRUCell"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def _apply_permutation(tensor: Tensor, permutation: Tensor, dim: int = 1) -> Tensor:
    return tensor.index_select(dim, permutation)


def apply_permutation(tensor: Tensor, permutation: Tensor, dim: int = 1) -> Tensor:
    """The old name of ``tensor.index_select(dim, permutation)``; warns."""
    warnings.warn(
        "`apply_permutation` is deprecated, please use `tensor.index_select(dim, permutation)` "
        "instead",
        FutureWarning,
        stacklevel=2,
    )
    return _apply_permutation(tensor, permutation, dim)


def _check_type(name: str, value, kind: type) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")


def _check_arguments(mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, proj):
    number = isinstance(dropout, (int, float)) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an "
            "element being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and "
            f"num_layers={num_layers}",
            stacklevel=4,
        )
    _check_type("bias", bias, bool)
    _check_type("batch_first", batch_first, bool)
    _check_type("input_size", input_size, int)
    if input_size <= 0:
        raise ValueError("input_size must be greater than zero")
    _check_type("hidden_size", hidden_size, int)
    if hidden_size <= 0:
        raise ValueError("hidden_size must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")
    if mode not in _GATES:
        raise ValueError("Unrecognized RNN mode: " + mode)


class RNNBase(Module):
    """What RNN, LSTM and GRU share: weights by layer and direction, checks, packed sequences."""

    __constants__ = [
        "mode",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
    ]
    __jit_unused_properties__ = ["all_weights"]

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__()
        _check_arguments(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size
        )
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights = self._weight_names()
        self._flat_weights_names = [name for names in self._all_weights for name in names]
        for layer in range(num_layers):
            self._create_layer(layer, {"device": device, "dtype": dtype})
        self.reset_parameters()

    def _directions(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    def _weight_names(self) -> list[list[str]]:
        """Names of the weights, a list for each layer and direction."""
        kinds = ["weight_ih", "weight_hh"]
        kinds += ["bias_ih", "bias_hh"] if self.bias else []
        kinds += ["weight_hr"] if self.proj_size > 0 else []
        return [
            [f"{kind}_l{layer}{suffix}" for kind in kinds]
            for layer in range(self.num_layers)
            for suffix in self._directions()
        ]

    def _create_layer(self, layer: int, options: dict) -> None:
        gates = _GATES[self.mode] * self.hidden_size
        output = self.proj_size or self.hidden_size
        directions = self._directions()
        inputs = self.input_size if layer == 0 else output * len(directions)
        shapes = {
            "weight_ih": (gates, inputs),
            "weight_hh": (gates, output),
            "bias_ih": (gates,),
            "bias_hh": (gates,),
            "weight_hr": (self.proj_size, self.hidden_size),
        }
        first = layer * len(directions)
        for names in self._all_weights[first : first + len(directions)]:
            for name in names:
                shape = shapes[name[: name.index("_l")]]
                setattr(self, name, Parameter(rl.empty(shape, **options)))

    @property
    def _flat_weights(self) -> list:
        """The weights in the order the operators take them."""
        params = self._parameters
        try:
            return [params[name] for name in self._flat_weights_names]
        except KeyError:  # some weight is computed from others
            return [getattr(self, name, None) for name in self._flat_weights_names]

    @_flat_weights.setter
    def _flat_weights(self, value) -> None:
        # Programs refresh the list after replacing a weight; it is always fresh here.
        pass

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The weights, a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Nothing to do here; GPUs keep the weights in one block."""

    def reset_parameters(self) -> None:
        """Draw new weights, all uniform within 1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raise if dtype, rank or last size of the input do not fit."""
        weight = self._flat_weights[0]
        if input.dtype != weight.dtype and not _autocast_enabled():
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: "
                f"model.to({input.dtype})"
            )
        expected = 2 if batch_sizes is not None else 3
        if input.dim() != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. Expected "
                f"{self.input_size}, got {input.size(-1)}"
            )

    def _state_size(self, input, batch_sizes, size) -> tuple[int, int, int]:
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.size(0) if self.batch_first else input.size(1)
        return self.num_layers * len(self._directions()), batch, size

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None):
        """(num_layers * directions, N, output size)."""
        return self._state_size(input, batch_sizes, self.proj_size or self.hidden_size)

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size, msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raise if the shape of a state is not the expected one."""
        if tuple(hx.size()) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.size())))

    def check_forward_args(self, input: Tensor, hidden: Tensor, batch_sizes: Tensor | None):
        """Raise if the input or the state do not fit."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Tensor, permutation: Tensor | None) -> Tensor:
        """The state with its batch reordered (or as it is)."""
        return hx if permutation is None else _apply_permutation(hx, permutation)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        usual = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0,
            "bidirectional": False,
        }
        for name, value in usual.items():
            if getattr(self, name) != value:
                text += f", {name}={getattr(self, name)}"
        return text

    def __getstate__(self):
        # PyTorch keeps this list in the object.
        return {**super().__getstate__(), "_flat_weights": list(self._flat_weights)}

    def __setstate__(self, state) -> None:
        state = dict(state)
        for name in ("_flat_weights", "_flat_weight_refs"):
            state.pop(name, None)
        super().__setstate__(state)
        self.__dict__.setdefault("proj_size", 0)
        if "all_weights" in self.__dict__:
            self._all_weights = self.__dict__.pop("all_weights")
        if not isinstance(self._all_weights[0][0], str):
            self._all_weights = self._weight_names()
        self._flat_weights_names = [name for names in self._all_weights for name in names]

    # Forward.

    def _name(self) -> str:
        return "RNN" if self.mode.startswith("RNN") else self.mode

    def _zero_state(self, input, batch_sizes, size) -> Tensor:
        shape = self._state_size(input, batch_sizes, size)
        return rl.zeros(shape, dtype=input.dtype, device=input.device)

    def _default_state(self, input, batch_sizes):
        return self._zero_state(input, batch_sizes, self.hidden_size)

    def _unsqueeze_state(self, hx, batched: bool):
        expected, kind = (3, "batched 3-D") if batched else (2, "unbatched 2-D")
        if hx.dim() != expected:
            raise RuntimeError(
                f"For {kind} input, hx should also be {expected}-D but got {hx.dim()}-D tensor"
            )
        return hx if batched else hx.unsqueeze(1)

    def _squeeze_state(self, hx):
        return hx.squeeze(1)

    def _operator(self):
        return {
            "RNN_TANH": ops.rnn_tanh,
            "RNN_RELU": ops.rnn_relu,
            "GRU": ops.gru,
        }[self.mode]

    def _compute(self, leading, hx, trailing):
        """Run the operator; returns the output and the state."""
        return self._operator()(*leading, hx, self._flat_weights, *self._options(), *trailing)

    def _options(self):
        return self.bias, self.num_layers, self.dropout, self.training, self.bidirectional

    def forward(self, input, hx=None):
        """Run over a sequence.

        Args:
            input (Tensor or PackedSequence): (L, N, input_size), with ``batch_first`` (N, L, ...),
                or (L, input_size) without a batch.
            hx (optional): the starting state, (num_layers * directions, N, hidden_size); for an
                LSTM a pair of them. Default: zeros.

        Returns:
            The outputs (L, N, directions * hidden_size), packed like the input, and the last state.
        """
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        if input.dim() not in (2, 3):
            tensor = " tensor" if self._name() == "RNN" else ""
            raise ValueError(
                f"{self._name()}: Expected input to be 2D or 3D, got {input.dim()}D{tensor} instead"
            )
        batched = input.dim() == 3
        batch_dim = 0 if self.batch_first else 1
        if not batched:
            input = input.unsqueeze(batch_dim)
        if hx is None:
            hx = self._default_state(input, None)
        else:
            hx = self._unsqueeze_state(hx, batched)
        self.check_forward_args(input, hx, None)
        output, state = self._compute((input,), hx, (self.batch_first,))
        if not batched:
            output, state = output.squeeze(batch_dim), self._squeeze_state(state)
        return output, state

    def _forward_packed(self, packed, hx):
        data, batch_sizes, sorted_indices, unsorted_indices = packed
        if hx is None:
            hx = self._default_state(data, batch_sizes)
        else:
            hx = self.permute_hidden(hx, sorted_indices)
        self.check_forward_args(data, hx, batch_sizes)
        output, state = self._compute((data, batch_sizes), hx, ())
        output = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
        return output, self.permute_hidden(state, unsorted_indices)


def _autocast_enabled() -> bool:
    enabled = getattr(rl, "is_autocast_enabled", None)
    return bool(enabled and enabled())


_ARGUMENTS = """

    Args:
        input_size (int): last size of the input.
        hidden_size (int): size of the state.
        num_layers (int): layers on top of each other. Default: 1.
        bias (bool): Default: True.
        batch_first (bool): (N, L, ...) rather than (L, N, ...). Default: False.
        dropout (float): dropout after each layer but the last. Default: 0.
        bidirectional (bool): a second pass from the end. Default: False.
"""


def _no_projection(kwargs) -> None:
    if "proj_size" in kwargs:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RNNBase):
    __doc__ = (
        "Elman network: h = tanh(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh), or relu of it."
        + _ARGUMENTS
        + '        nonlinearity (str): "tanh" or "relu"; fourth positional argument.\n'
    )

    def __init__(self, *args, **kwargs):
        _no_projection(kwargs)
        if len(args) > 3:
            nonlinearity, args = args[3], args[:3] + args[4:]
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)
        self.nonlinearity = nonlinearity


class GRU(RNNBase):
    __doc__ = "Gated recurrent units: reset and update gates decide what of the state is kept." + (
        _ARGUMENTS
    )

    def __init__(self, *args, **kwargs):
        _no_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)


class LSTM(RNNBase):
    __doc__ = (
        "Long short-term memory: gates around a cell that is carried from step to step."
        + _ARGUMENTS
        + "        proj_size (int): project the output to this size. Default: 0 (do not).\n"
        + """
    Example::

        >>> import rushlight as torch
        >>> output, (h, c) = torch.nn.LSTM(4, 8)(torch.ones(5, 2, 4))
        >>> output.shape, h.shape
        (torch.Size([5, 2, 8]), torch.Size([1, 2, 8]))
"""
    )

    def __init__(self, *args, **kwargs):
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None):
        """(num_layers * directions, N, hidden_size)."""
        return self._state_size(input, batch_sizes, self.hidden_size)

    def check_forward_args(self, input: Tensor, hidden, batch_sizes: Tensor | None) -> None:
        self.check_input(input, batch_sizes)
        sizes = (
            self.get_expected_hidden_size(input, batch_sizes),
            self.get_expected_cell_size(input, batch_sizes),
        )
        for i, (state, size) in enumerate(zip(hidden, sizes)):
            self.check_hidden_size(state, size, f"Expected hidden[{i}] size {{}}, got {{}}")

    def permute_hidden(self, hx, permutation: Tensor | None):
        if permutation is None:
            return hx
        return tuple(_apply_permutation(state, permutation) for state in hx)

    def _default_state(self, input, batch_sizes):
        output = self.proj_size or self.hidden_size
        return tuple(
            self._zero_state(input, batch_sizes, size) for size in (output, self.hidden_size)
        )

    def _unsqueeze_state(self, hx, batched: bool):
        expected, kind = (3, "batched 3-D") if batched else (2, "unbatched 2-D")
        if hx[0].dim() != expected or hx[1].dim() != expected:
            raise RuntimeError(
                f"For {kind} input, hx and cx should also be {expected}-D but got "
                f"({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
            )
        return hx if batched else tuple(state.unsqueeze(1) for state in hx)

    def _squeeze_state(self, hx):
        return tuple(state.squeeze(1) for state in hx)

    def _compute(self, leading, hx, trailing):
        result = ops.lstm(*leading, hx, self._flat_weights, *self._options(), *trailing)
        return result[0], tuple(result[1:])


class RNNCellBase(Module):
    """What the cells share: two weights and two biases."""

    __constants__ = ["input_size", "hidden_size", "bias"]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        shapes = {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size)}
        for name, shape in shapes.items():
            setattr(self, name, Parameter(rl.empty(shape, device=device, dtype=dtype)))
        for name in ("bias_ih", "bias_hh"):
            param = Parameter(rl.empty(rows, device=device, dtype=dtype)) if bias else None
            self.register_parameter(name, param)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights, all uniform within 1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.__dict__.get("bias", True) is not True:
            text += f", bias={self.bias}"
        if self.__dict__.get("nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def _check_ndim(self, what: str, tensor: Tensor) -> None:
        if tensor.dim() not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: Expected {what} to be 1D or 2D, got {tensor.dim()}D "
                "instead"
            )

    def _step(self, operator, input: Tensor, hx: Tensor | None) -> Tensor:
        """One step of a cell with a single state."""
        self._check_ndim("input", input)
        if hx is not None:
            self._check_ndim("hidden", hx)
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
            hx = None if hx is None else hx.unsqueeze(0)
        if hx is None:
            hx = self._zeros(input)
        result = operator(input, hx, *self._weights())
        return result if batched else result.squeeze(0)

    def _weights(self):
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _zeros(self, input: Tensor) -> Tensor:
        shape = (input.size(0), self.hidden_size)
        return rl.zeros(shape, dtype=input.dtype, device=input.device)


class RNNCell(RNNCellBase):
    """One step of an Elman network.

    Args:
        input_size (int): last size of the input.
        hidden_size (int): size of the state.
        bias (bool): Default: True.
        nonlinearity (str): "tanh" or "relu". Default: "tanh".
    """

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device=None,
        dtype=None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device=device, dtype=dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        operator = ops.rnn_tanh_cell if self.nonlinearity == "tanh" else ops.rnn_relu_cell
        return self._step(operator, input, hx)


class GRUCell(RNNCellBase):
    """One step of a GRU.

    Args:
        input_size (int): last size of the input.
        hidden_size (int): size of the state.
        bias (bool): Default: True.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device=device, dtype=dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(ops.gru_cell, input, hx)


class LSTMCell(RNNCellBase):
    """One step of an LSTM; the state is a pair.

    Args:
        input_size (int): last size of the input.
        hidden_size (int): size of the state.
        bias (bool): Default: True.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device=device, dtype=dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None):
        self._check_ndim("input", input)
        for i, state in enumerate(hx or ()):
            self._check_ndim(f"hx[{i}]", state)
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
            hx = None if hx is None else tuple(state.unsqueeze(0) for state in hx)
        if hx is None:
            zeros = self._zeros(input)
            hx = (zeros, zeros)
        result = ops.lstm_cell(input, hx, *self._weights())
        return result if batched else tuple(state.squeeze(0) for state in result)
