"""Sequences of different lengths: padding, packing and back."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable

from .._package import Tensor, rl

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpad_sequence",
    "pack_sequence",
    "unpack_sequence",
]

PackedSequence_ = namedtuple(
    "PackedSequence_", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"]
)


class PackedSequence(PackedSequence_):
    """Sequences without their padding: all first steps, then all second steps, and so on.

    Made by ``pack_padded_sequence``; recurrent layers take and return it. ``batch_sizes`` says
    how many sequences take part in each step, ``sorted_indices`` how they were ordered by length.
    """

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not (isinstance(data, (list, tuple)) and len(data) == 2):
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be "
                "created manually. They should be instantiated by functions like pack_sequence "
                "and pack_padded_sequences in nn.utils.rnn. "
                "https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence"
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with_data(self, data, move):
        indices = (None if t is None else move(t) for t in self[2:])
        return type(self)(data, self.batch_sizes, *indices)

    def pin_memory(self):
        """The sequence with its tensors in pinned memory."""
        return self._with_data(self.data.pin_memory(), lambda t: t.pin_memory())

    def to(self, *args, **kwargs):
        """The sequence with ``data.to(...)``; itself if nothing changes."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else self._with_data(data, lambda t: t.to(data.device))

    def cuda(self, *args, **kwargs):
        """The sequence on the GPU."""
        probe = rl.tensor((), dtype=self.data.dtype, device=self.data.device)
        if probe.to(*args, **kwargs).is_cuda:
            return self.to(*args, **kwargs)
        return self.to(*args, **{**kwargs, "device": "cuda"})

    def cpu(self, *args, **kwargs):
        """The sequence on the CPU."""
        return self.to(*args, **{**kwargs, "device": "cpu"})

    def double(self):
        """The sequence as float64."""
        return self.to(dtype=rl.float64)

    def float(self):
        """The sequence as float32."""
        return self.to(dtype=rl.float32)

    def half(self):
        """The sequence as float16."""
        return self.to(dtype=rl.float16)

    def long(self):
        """The sequence as int64."""
        return self.to(dtype=rl.int64)

    def int(self):
        """The sequence as int32."""
        return self.to(dtype=rl.int32)

    def short(self):
        """The sequence as int16."""
        return self.to(dtype=rl.int16)

    def char(self):
        """The sequence as int8."""
        return self.to(dtype=rl.int8)

    def byte(self):
        """The sequence as uint8."""
        return self.to(dtype=rl.uint8)

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on the GPU."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the data is in pinned memory."""
        return self.data.is_pinned()


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another one."""
    if permutation is None:
        return None
    positions = rl.arange(permutation.numel(), device=permutation.device, dtype=permutation.dtype)
    return rl.empty_like(permutation).scatter_(0, permutation, positions)


def _check_lengths(lengths: Tensor, batch: int) -> None:
    if lengths.numel() != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {lengths.numel()} "
            f"(batch_size={batch})"
        )
    if batch and lengths[-1].item() <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if not bool((lengths[1:] <= lengths[:-1]).all()):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )


def pack_padded_sequence(
    input: Tensor, lengths, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Leave the padding of a batch of sequences out.

    Args:
        input (Tensor): (L, N, ...), or (N, L, ...) with ``batch_first``.
        lengths (Tensor or list of int): length of each sequence, on the CPU.
        batch_first (bool): Default: False.
        enforce_sorted (bool): the sequences are sorted from long to short; without it they are
            sorted here. Default: True.

    Raises:
        RuntimeError: a length is not positive, or they are not sorted.
    """
    if isinstance(lengths, Tensor):
        if lengths.device.type != "cpu":
            raise RuntimeError(
                "'lengths' argument should be a 1D CPU int64 tensor, but got "
                f"{lengths.dim()}D {lengths.device} {lengths.dtype} tensor"
            )
        lengths = lengths.to(rl.int64)
    else:
        lengths = rl.as_tensor(lengths, dtype=rl.int64)
    batch_dim = 0 if batch_first else 1
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = lengths.sort(descending=True)
        sorted_indices = sorted_indices.to(input.device)
        input = input.index_select(batch_dim, sorted_indices)
    if input.numel() == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    _check_lengths(lengths, input.size(batch_dim))
    steps = rl.arange(int(lengths[0].item()))
    taking_part = steps.unsqueeze(1) < lengths  # (L, N)
    batch_sizes = taking_part.sum(1)
    if batch_first:
        input = input.transpose(0, 1)
    longest = steps.numel()
    if longest > input.size(0):
        raise RuntimeError(
            f"Expected `len(lengths)` to be at most the size of the input, but got a length of "
            f"{longest} and an input of {input.size(0)} steps"
        )
    places = taking_part.reshape(-1).nonzero().squeeze(1).to(input.device)
    data = input[:longest].reshape(-1, *input.shape[2:]).index_select(0, places)
    return PackedSequence(data, batch_sizes, sorted_indices, None)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The inverse of pack_padded_sequence.

    Args:
        sequence (PackedSequence): the sequences.
        batch_first (bool): return (N, L, ...) instead of (L, N, ...). Default: False.
        padding_value (float): what to pad with. Default: 0.
        total_length (int, optional): pad to this length instead of the longest one's.

    Returns:
        The padded batch and the lengths, in the original order.
    """
    data, batch_sizes, _, unsorted_indices = sequence
    length = batch_sizes.size(0)
    if total_length is not None:
        if total_length < length:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in "
                f"input, but got total_length={total_length} and max sequence length being "
                f"{length}"
            )
        length = total_length
    batch = int(batch_sizes[0].item())
    taking_part = rl.arange(batch) < batch_sizes.unsqueeze(1)
    lengths = taking_part.sum(0)
    places = taking_part.reshape(-1).nonzero().squeeze(1).to(data.device)
    shape = (length * batch, *data.shape[1:])
    padded = data.new_full(shape, padding_value).index_copy(0, places, data)
    padded = padded.view(length, batch, *data.shape[1:])
    if batch_first:
        padded = padded.transpose(0, 1)
    if unsorted_indices is None:
        return padded, lengths
    padded = padded.index_select(0 if batch_first else 1, unsorted_indices)
    return padded, lengths[unsorted_indices.cpu()]


def pad_sequence(
    sequences, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Stack sequences of different lengths into one tensor.

    Args:
        sequences (iterable of Tensor): each (L, ...).
        batch_first (bool): return (N, L, ...) instead of (L, N, ...). Default: False.
        padding_value (float): what to pad with. Default: 0.
        padding_side (str): "right" or "left". Default: "right".

    Example::

        >>> import rushlight as torch
        >>> torch.nn.utils.rnn.pad_sequence([torch.ones(2), torch.ones(1)], batch_first=True)
        tensor([[1., 1.],
                [1., 0.]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    sequences = tuple(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("right", "left"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    longest = max(s.size(0) for s in sequences)
    rows = []
    for s in sequences:
        missing = longest - s.size(0)
        if missing:
            filler = s.new_full((missing, *s.shape[1:]), padding_value)
            s = rl.cat([s, filler] if padding_side == "right" else [filler, s])
        rows.append(s)
    return rl.stack(rows, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded batch, each with its own length."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [row[: int(length)] for row, length in zip(padded_sequences, lengths)]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences of different lengths."""
    lengths = [sequence.size(0) for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a PackedSequence."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
