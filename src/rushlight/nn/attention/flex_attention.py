"""Attention whose scores a function changes, and masks described by functions.

The functions are called once with index tensors that broadcast to (batch, head, query, key).
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections import namedtuple

from .. import functional as F
from .._package import Tensor, rl

__all__ = [
    "BlockMask",
    "flex_attention",
    "AuxOutput",
    "AuxRequest",
    "FlexKernelOptions",
    "create_block_mask",
    "create_mask",
    "or_masks",
    "and_masks",
    "noop_mask",
]

_DEFAULT_SPARSE_BLOCK_SIZE = 128

AuxRequest = namedtuple("AuxRequest", ["lse", "max_scores"], defaults=[False, False])
AuxOutput = namedtuple("AuxOutput", ["lse", "max_scores"], defaults=[None, None])
FlexKernelOptions = dict


def noop_mask(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    """The mask that hides nothing."""
    return batch.new_ones((), dtype=rl.bool)


def _check_callables(mask_mods) -> None:
    if not all(callable(mod) for mod in mask_mods):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")


def or_masks(*mask_mods):
    """The mask function that shows what any of the given ones shows."""
    _check_callables(mask_mods)

    def or_mask(b, h, q_idx, kv_idx):
        result = b.new_zeros((), dtype=rl.bool)
        for mod in mask_mods:
            result = result | mod(b, h, q_idx, kv_idx)
        return result

    return or_mask


def and_masks(*mask_mods):
    """The mask function that shows what all of the given ones show."""
    _check_callables(mask_mods)

    def and_mask(b, h, q_idx, kv_idx):
        result = b.new_ones((), dtype=rl.bool)
        for mod in mask_mods:
            result = result & mod(b, h, q_idx, kv_idx)
        return result

    return and_mask


def _indices(batch: int, heads: int, queries: int, keys: int, device):
    """b, h, q and kv, each along its own one of four dimensions."""
    sizes = (batch, heads, queries, keys)
    return [
        rl.arange(n, device=device).view([n if d == i else 1 for d in range(4)])
        for i, n in enumerate(sizes)
    ]


def _positional_count(function) -> int:
    code = getattr(function, "__code__", None)
    if code is None:
        import inspect

        return len(inspect.signature(function).parameters)
    return code.co_argcount - (1 if hasattr(function, "__self__") else 0)


def create_mask(
    mod_fn, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device=None
) -> Tensor:
    """The boolean mask (B, H, Q_LEN, KV_LEN) that a function describes.

    Args:
        mod_fn (callable): ``mask(b, h, q_idx, kv_idx)``, or ``score(score, b, h, q_idx, kv_idx)``,
            whose -inf hides.
        B, H (int or None): None stands for 1.
        Q_LEN, KV_LEN (int): numbers of queries and keys.
    """
    shape = (1 if B is None else B, 1 if H is None else H, Q_LEN, KV_LEN)
    indices = _indices(*shape, device)
    if _positional_count(mod_fn) == 5:
        scores = mod_fn(rl.zeros(shape, device=device), *indices)
        return scores.expand(shape) != float("-inf")
    return mod_fn(*indices).expand(shape).contiguous()


def _ordered_to_dense(counts: Tensor, indices: Tensor, columns: int) -> Tensor:
    """0/1 per block from the number and the indices of the blocks in each row."""
    used = rl.arange(indices.size(-1), device=indices.device) < counts.unsqueeze(-1)
    # What is not used lands in a column of its own, which is cut off.
    target = indices.to(rl.int64).masked_fill(~used, columns)
    dense = indices.new_zeros((*indices.shape[:-1], columns + 1), dtype=rl.int32)
    return dense.scatter_(-1, target, 1)[..., :columns].contiguous()


def _dense_to_ordered(dense: Tensor) -> tuple[Tensor, Tensor]:
    """Number of blocks in each row, and the column indices with those of the blocks first."""
    dense = dense.to(rl.int32)
    counts = dense.sum(-1)
    indices = dense.argsort(dim=-1, descending=True, stable=True)
    return counts.to(rl.int32), indices.to(rl.int32).contiguous()


def _transpose_ordered(counts: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
    dense = _ordered_to_dense(counts, indices, indices.size(-1))
    return _dense_to_ordered(dense.transpose(-2, -1))


class BlockMask:
    """A mask in blocks: which blocks of keys each block of queries attends to.

    Made by ``create_block_mask`` or ``BlockMask.from_kv_blocks``.
    """

    def __init__(
        self,
        seq_lengths: tuple[int, int],
        kv_num_blocks: Tensor,
        kv_indices: Tensor,
        full_kv_num_blocks: Tensor | None,
        full_kv_indices: Tensor | None,
        q_num_blocks: Tensor | None,
        q_indices: Tensor | None,
        full_q_num_blocks: Tensor | None,
        full_q_indices: Tensor | None,
        BLOCK_SIZE: tuple[int, int] = (_DEFAULT_SPARSE_BLOCK_SIZE, _DEFAULT_SPARSE_BLOCK_SIZE),
        mask_mod=noop_mask,
    ) -> None:
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        for name, a, b in (
            ("kv", full_kv_num_blocks, full_kv_indices),
            ("q", full_q_num_blocks, full_q_indices),
        ):
            if (a is None) != (b is None):
                raise AssertionError(
                    f"full_{name}_num_blocks and full_{name}_indices must be both provided or "
                    "omitted"
                )
        self.seq_lengths = seq_lengths
        self.kv_num_blocks = kv_num_blocks
        self.kv_indices = kv_indices
        self.full_kv_num_blocks = full_kv_num_blocks
        self.full_kv_indices = full_kv_indices
        self.q_num_blocks = q_num_blocks
        self.q_indices = q_indices
        self.full_q_num_blocks = full_q_num_blocks
        self.full_q_indices = full_q_indices
        self.BLOCK_SIZE = BLOCK_SIZE
        self.mask_mod = mask_mod

    _TENSORS = (
        "kv_num_blocks kv_indices full_kv_num_blocks full_kv_indices q_num_blocks q_indices "
        "full_q_num_blocks full_q_indices"
    ).split()

    @classmethod
    def from_kv_blocks(
        cls,
        kv_num_blocks: Tensor,
        kv_indices: Tensor,
        full_kv_num_blocks: Tensor | None = None,
        full_kv_indices: Tensor | None = None,
        BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
        mask_mod=None,
        seq_lengths: tuple[int, int] | None = None,
        compute_q_blocks: bool = True,
    ) -> BlockMask:
        """A mask from the blocks of keys of each block of queries.

        Args:
            kv_num_blocks (Tensor): how many, (B, H, rows).
            kv_indices (Tensor): which, (B, H, rows, columns), the used ones first.
            full_kv_num_blocks, full_kv_indices (Tensor, optional): blocks without hidden pairs.
            BLOCK_SIZE (int or tuple): queries and keys of a block. Default: 128.
            mask_mod (callable, optional): what is visible inside the partial blocks.
            seq_lengths (tuple, optional): numbers of queries and keys. Default: all blocks.
        """
        if isinstance(BLOCK_SIZE, int):
            BLOCK_SIZE = (BLOCK_SIZE, BLOCK_SIZE)
        by_query: list = [None] * 4
        if compute_q_blocks:
            by_query[:2] = _transpose_ordered(kv_num_blocks, kv_indices)
            if full_kv_num_blocks is not None:
                by_query[2:] = _transpose_ordered(full_kv_num_blocks, full_kv_indices)
        if seq_lengths is None:
            rows, columns = kv_indices.shape[-2:]
            seq_lengths = (rows * BLOCK_SIZE[0], columns * BLOCK_SIZE[1])
        return cls(
            seq_lengths,
            kv_num_blocks,
            kv_indices,
            full_kv_num_blocks,
            full_kv_indices,
            *by_query,
            BLOCK_SIZE=BLOCK_SIZE,
            mask_mod=noop_mask if mask_mod is None else mask_mod,
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """(B, H, queries, keys)."""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self) -> int:
        """Number of pairs."""
        return math.prod(self.shape)

    def sparsity(self) -> float:
        """Percentage of pairs in blocks that are left out."""
        blocks = self.kv_num_blocks.sum().item()
        if self.full_kv_num_blocks is not None:
            blocks += self.full_kv_num_blocks.sum().item()
        return 100 * (1 - blocks * self.BLOCK_SIZE[0] * self.BLOCK_SIZE[1] / self.numel())

    def to_dense(self) -> Tensor:
        """0/1 per block, (B, H, rows, columns)."""
        columns = self.kv_indices.size(-1)
        dense = _ordered_to_dense(self.kv_num_blocks, self.kv_indices, columns)
        if self.full_kv_num_blocks is None:
            return dense
        return dense | _ordered_to_dense(self.full_kv_num_blocks, self.full_kv_indices, columns)

    def to(self, device) -> BlockMask:
        """The mask on another device."""
        moved = [getattr(self, name) for name in self._TENSORS]
        moved = [None if t is None else t.to(device) for t in moved]
        return BlockMask(
            self.seq_lengths, *moved, BLOCK_SIZE=self.BLOCK_SIZE, mask_mod=self.mask_mod
        )

    def __getitem__(self, index) -> BlockMask:
        index = index if isinstance(index, tuple) else (index,)
        # An int keeps its dimension, so that the rank stays.
        index = tuple(
            (slice(i, i + 1) if i != -1 else slice(i, None)) if isinstance(i, int) else i
            for i in (*index, *[slice(None)] * 3)[:3]
        )
        tensors = [getattr(self, name) for name in self._TENSORS[:4]]
        return BlockMask.from_kv_blocks(
            *(None if t is None else t[index] for t in tensors),
            BLOCK_SIZE=self.BLOCK_SIZE,
            mask_mod=_sliced_mask_mod_error,
            seq_lengths=self.seq_lengths,
            compute_q_blocks=self.q_indices is not None,
        )

    def to_string(self, grid_size: int | tuple[int, int] = (20, 20), limit: int = 4) -> str:
        """A picture of the blocks: full, partly used, empty."""
        dense = self.to_dense()
        *batch, rows, columns = dense.shape
        grid = (grid_size, grid_size) if isinstance(grid_size, int) else grid_size
        steps = [max(1, -(-n // limit_)) for n, limit_ in zip((rows, columns), grid)]
        pictures = []
        for number, index in enumerate(itertools.product(*map(range, batch))):
            if number == limit:
                pictures += [
                    "...",
                    "To print out more, set BlockMask.to_string(limit=N)",
                    "You can also index (BlockMask[batch, head]) to choose a specific batch or head",
                ]
                break
            lines = [str(index)]
            for r in range(0, rows, steps[0]):
                line = ""
                for c in range(0, columns, steps[1]):
                    part = dense[index][r : r + steps[0], c : c + steps[1]]
                    share = part.float().mean().item()
                    line += ("█" if share == 1 else " " if share == 0 else "░") * 2
                lines.append(line)
            pictures.append("\n".join(lines) + "\n")
        return "\n".join(pictures)

    def __str__(self) -> str:
        picture = self.to_string().strip()
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, \n{picture}\n)"

    def __repr__(self) -> str:
        lines = []
        for name in self._TENSORS:
            tensor = getattr(self, name)
            lines.append(f"{name}={None if tensor is None else tensor.shape}")
        lines += [
            f"BLOCK_SIZE={self.BLOCK_SIZE}",
            f"shape={self.shape}",
            f"sparsity={self.sparsity():.2f}%",
            f"mask_mod={getattr(self.mask_mod, '__name__', self.mask_mod)}",
        ]
        return "BlockMask(\n    " + ",\n    ".join(lines) + "\n)"

    def _visible(self, queries: int, keys: int, device) -> Tensor:
        """The mask pair by pair, (B, H, queries, keys)."""
        batch, heads = self.kv_indices.shape[:2]
        inside = self.mask_mod(*_indices(batch, heads, queries, keys, device))
        columns = self.kv_indices.size(-1)
        partial = _ordered_to_dense(self.kv_num_blocks, self.kv_indices, columns)
        visible = self._per_pair(partial, queries, keys) & inside
        if self.full_kv_num_blocks is not None:
            full = _ordered_to_dense(self.full_kv_num_blocks, self.full_kv_indices, columns)
            visible = visible | self._per_pair(full, queries, keys)
        return visible

    def _per_pair(self, blocks: Tensor, queries: int, keys: int) -> Tensor:
        rows = rl.arange(queries, device=blocks.device) // self.BLOCK_SIZE[0]
        columns = rl.arange(keys, device=blocks.device) // self.BLOCK_SIZE[1]
        return blocks.index_select(-2, rows).index_select(-1, columns) != 0


def _sliced_mask_mod_error(batch, head, token_q, token_kv):
    raise RuntimeError("Cannot use mask_mod from a sliced BlockMask")


def create_block_mask(
    mask_mod,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device=None,
    BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
    _compile: bool = False,
    separate_full_blocks: bool = True,
) -> BlockMask:
    """The blocks of the mask that ``mask_mod(b, h, q_idx, kv_idx)`` describes.

    Args:
        mask_mod (callable): True where a query sees a key.
        B, H (int or None): None stands for 1.
        Q_LEN, KV_LEN (int): numbers of queries and keys.
        BLOCK_SIZE (int or tuple): queries and keys of a block. Default: 128.
        separate_full_blocks (bool): list blocks without hidden pairs apart. Default: True.
    """
    if _positional_count(mask_mod) != 4:
        raise AssertionError(f"create-block_mask requires a mask_mod function! Got {mask_mod}")
    size = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else BLOCK_SIZE
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
    mask = F.pad(mask.to(rl.int32), (0, -KV_LEN % size[1], 0, -Q_LEN % size[0]))
    blocks = mask.unflatten(-1, (-1, size[1])).unflatten(-3, (-1, size[0])).sum((-1, -3))
    area = size[0] * size[1]
    full = blocks == area
    partial = (blocks > 0) & ~full if separate_full_blocks else blocks > 0
    ordered = _dense_to_ordered(full) if separate_full_blocks else (None, None)
    return BlockMask.from_kv_blocks(
        *_dense_to_ordered(partial),
        *ordered,
        BLOCK_SIZE=size,
        mask_mod=mask_mod,
        seq_lengths=(Q_LEN, KV_LEN),
    )


def _check(query: Tensor, key: Tensor, value: Tensor, enable_gqa: bool) -> None:
    if query.size(-1) != key.size(-1):
        raise ValueError(
            "Expect query and key/value to have the same embedding dimension but got "
            f"E={query.size(-1)} and E={key.size(-1)}."
        )
    if not query.dim() == key.dim() == value.dim() == 4:
        raise NotImplementedError("NYI: query, key, and value must be 4D tensors")
    heads, kv_heads = query.size(1), key.size(1)
    if not enable_gqa and heads != kv_heads:
        raise ValueError(
            "Expect query and key/value to have the same number of heads but got "
            f"Hq={heads} and Hkv={kv_heads}. Try setting enable_gqa=True for GQA."
        )
    if heads % kv_heads != 0:
        raise ValueError(
            "Expect number of query heads to be a multiple of kv heads for GQA but got "
            f"Hq={heads} and Hkv={kv_heads}."
        )


def flex_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod=None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options=None,
    *,
    return_aux: AuxRequest | None = None,
):
    """Scaled dot product attention with changed scores.

    Args:
        query, key, value (Tensor): (B, Hq, L, E), (B, Hkv, S, E), (B, Hkv, S, Ev).
        score_mod (callable, optional): ``score_mod(score, b, h, q_idx, kv_idx)``.
        block_mask (BlockMask, optional): which pairs count.
        scale (float, optional): of the products. Default: 1 / sqrt(E).
        enable_gqa (bool): several query heads share a key head. Default: False.
        return_lse (bool): also return the log of the sum of exponentials (old form).
        return_aux (AuxRequest, optional): what else to return.

    Returns:
        (B, Hq, L, Ev); with ``return_aux`` an AuxOutput too.
    """
    _check(query, key, value, enable_gqa)
    if return_lse and return_aux is not None:
        raise ValueError(
            "Cannot specify both return_lse and return_aux. return_lse is deprecated, please use "
            "return_aux=AuxRequest(lse=True) instead."
        )
    if return_lse:
        warnings.warn(
            "return_lse is deprecated and will be removed in v2.10. Please use "
            "return_aux=AuxRequest(lse=True) instead.",
            FutureWarning,
            stacklevel=2,
        )
    queries, keys = query.size(2), key.size(2)
    if block_mask is not None and tuple(block_mask.shape[-2:]) != (queries, keys):
        raise ValueError(
            f"block_mask was created for block_mask.shape={block_mask.shape} but got "
            f"q_len={queries} and kv_len={keys}: make a mask for these lengths."
        )
    group = query.size(1) // key.size(1)
    if group > 1:
        key, value = (x.repeat_interleave(group, 1) for x in (key, value))
    scale = 1.0 / math.sqrt(query.size(-1)) if scale is None else scale
    scores = (query @ key.transpose(-2, -1)) * scale
    if scores.dtype in (rl.float16, rl.bfloat16):
        scores = scores.float()
    if score_mod is not None:
        batch, heads = query.shape[:2]
        scores = score_mod(scores, *_indices(batch, heads, queries, keys, query.device))
    if block_mask is not None:
        visible = block_mask._visible(queries, keys, query.device)
        scores = scores.masked_fill(~visible, float("-inf"))
    lse = scores.logsumexp(-1, keepdim=True)
    # A query that sees no key gives zeros.
    weights = (scores - lse).exp().masked_fill(lse == float("-inf"), 0.0)
    output = weights.to(value.dtype) @ value
    if return_aux is None:
        return (output, lse.squeeze(-1)) if return_lse else output
    return output, AuxOutput(
        lse.squeeze(-1) if return_aux.lse else None,
        scores.amax(-1) if return_aux.max_scores else None,
    )
