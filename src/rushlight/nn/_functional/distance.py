"""Distances between vectors, normalisation to unit length, one-hot coding."""

from __future__ import annotations

from .._package import Tensor, rl


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """p-norm of ``x1 - x2 + eps`` along the last dimension.

    Example::

        >>> import rushlight as torch
        >>> torch.nn.functional.pairwise_distance(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
        tensor([5.0000])
    """
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Cosine of the angle between ``x1`` and ``x2`` along ``dim``.

    Args:
        x1, x2 (Tensor): floating point, shapes that broadcast.
        dim (int): the dimension of the vectors. Default: 1.
        eps (float): lower limit of each length. Default: 1e-8.
    """
    dtype = rl.promote_types(x1.dtype, x2.dtype)
    if not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {dtype}"
        )
    x1, x2 = rl.broadcast_tensors(x1.to(dtype), x2.to(dtype))
    n1, n2 = (rl.linalg.vector_norm(x, 2, dim, True) for x in (x1, x2))
    # Lengths below eps count as eps and carry no gradient through the limit.
    n1, n2 = (rl.where(n.detach() < eps, n.detach().clamp_min(eps) + 0 * n, n) for n in (n1, n2))
    return ((x1 / n1) * (x2 / n2)).sum(dim)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Distances between all pairs of rows, in the order (0, 1), (0, 2), ..., (1, 2), ..."""
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    rows = input.size(0)
    first, second = rl.triu_indices(rows, rows, 1, device=input.device)
    return (input[first] - input[second]).norm(p, -1)


def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """Divide by the p-norm along ``dim``, or by ``eps`` where that is larger."""
    norm = input.norm(p, dim, keepdim=True)
    if out is None:
        return input / norm.clamp_min(eps).expand_as(input)
    return rl.div(input, norm.clamp_min_(eps).expand_as(input), out=out)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Class indices as vectors with a single 1.

    Args:
        tensor (Tensor): int64 class indices of any shape.
        num_classes (int): length of the vectors; -1 takes the largest index plus one.

    Example::

        >>> import rushlight as torch
        >>> torch.nn.functional.one_hot(torch.tensor([0, 2]))
        tensor([[1, 0, 0],
                [0, 0, 1]])
    """
    if tensor.dtype != rl.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if tensor.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return tensor.new_empty((*tensor.shape, num_classes))
    if not tensor.is_meta and tensor.min().item() < 0:
        raise RuntimeError("Class values must be non-negative.")
    largest = tensor.max().item()
    if num_classes == -1:
        num_classes = largest + 1
    elif largest >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    zeros = tensor.new_zeros((*tensor.shape, num_classes))
    return zeros.scatter_(-1, tensor.unsqueeze(-1), 1)
