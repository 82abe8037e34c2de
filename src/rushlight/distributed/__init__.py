"""Groups of processes. There is no communication between processes yet: a group holds this process alone.

`is_available()` says so. A program that makes a group of one process all the same can run its collective operations,
which then give what each process would get from itself; a larger group is refused.
"""

from __future__ import annotations

import datetime
import enum
import os
from typing import Any

from .. import _C

__all__ = [
    "Backend",
    "GroupMember",
    "ProcessGroup",
    "ReduceOp",
    "Work",
    "all_gather",
    "all_gather_into_tensor",
    "all_gather_object",
    "all_reduce",
    "all_to_all",
    "all_to_all_single",
    "barrier",
    "broadcast",
    "broadcast_object_list",
    "destroy_process_group",
    "gather",
    "gather_object",
    "get_backend",
    "get_global_rank",
    "get_group_rank",
    "get_process_group_ranks",
    "get_rank",
    "get_world_size",
    "group",
    "init_process_group",
    "is_available",
    "is_backend_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
    "is_ucc_available",
    "is_xccl_available",
    "monitored_barrier",
    "new_group",
    "reduce",
    "reduce_op",
    "reduce_scatter",
    "reduce_scatter_tensor",
    "scatter",
    "scatter_object_list",
]

Tensor = _C.Tensor
default_pg_timeout = datetime.timedelta(minutes=30)


class ReduceOp(enum.Enum):
    """How values of processes are combined."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8


reduce_op = ReduceOp


class Backend(str):
    """Names of ways to communicate."""

    UNDEFINED, GLOO, NCCL, UCC, MPI, XCCL = "undefined", "gloo", "nccl", "ucc", "mpi", "xccl"
    backend_list = [UNDEFINED, GLOO, NCCL, UCC, MPI, XCCL]


class ProcessGroup:
    """A group that holds this process alone."""

    def __init__(self, backend: str) -> None:
        self._backend = backend

    def rank(self) -> int:
        """This process's number: 0."""
        return 0

    def size(self) -> int:
        """Number of processes: 1."""
        return 1

    def name(self) -> str:
        """Name of the backend."""
        return self._backend


class Work:
    """An operation that has finished."""

    def is_completed(self) -> bool:
        """Always True."""
        return True

    def is_success(self) -> bool:
        """Always True."""
        return True

    def wait(self, timeout: Any = None) -> bool:
        """Return at once."""
        return True


class GroupMember:
    """Markers for groups."""

    WORLD: ProcessGroup | None = None
    NON_GROUP_MEMBER = -100


class _WorldGroup(type):
    @property
    def WORLD(cls) -> ProcessGroup | None:
        return GroupMember.WORLD


class group(metaclass=_WorldGroup):
    """`group.WORLD` is the group that `init_process_group` made."""


def is_available() -> bool:
    """Whether processes can communicate: not yet."""
    return False


def is_backend_available(backend: str) -> bool:
    """Whether processes can communicate by the backend: no."""
    return False


def is_nccl_available() -> bool:
    """Whether NCCL is there: no."""
    return False


def is_gloo_available() -> bool:
    """Whether Gloo is there: no."""
    return False


def is_mpi_available() -> bool:
    """Whether MPI is there: no."""
    return False


def is_ucc_available() -> bool:
    """Whether UCC is there: no."""
    return False


def is_xccl_available() -> bool:
    """Whether XCCL is there: no."""
    return False


def is_torchelastic_launched() -> bool:
    """Whether a launcher of several processes started this one."""
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def is_initialized() -> bool:
    """Whether `init_process_group` has been called."""
    return GroupMember.WORLD is not None


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: Any = None,
    world_size: int = -1,
    rank: int = -1,
    store: Any = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
) -> None:
    """Make the group of this process alone.

    Args:
        backend: name, kept for `get_backend`.
        world_size: 1; default: the environment's WORLD_SIZE, else 1.
        rank: 0; default: the environment's RANK, else 0.
        init_method, timeout, store, group_name, pg_options, device_id: accepted.

    Raises:
        RuntimeError: more than one process is wanted.

    Example:
        >>> import rushlight as torch
        >>> torch.distributed.init_process_group("gloo", world_size=1, rank=0)
        >>> torch.distributed.get_world_size()
        1
        >>> torch.distributed.destroy_process_group()
    """
    if is_initialized():
        raise ValueError("trying to initialize the default process group twice!")
    size = world_size if world_size != -1 else int(os.environ.get("WORLD_SIZE", "1"))
    number = rank if rank != -1 else int(os.environ.get("RANK", "0"))
    if size != 1 or number != 0:
        raise RuntimeError(
            f"init_process_group: rushlight does not communicate between processes yet: got world_size={size}, "
            f"rank={number}, expected 1 and 0; run the program as one process"
        )
    GroupMember.WORLD = ProcessGroup(str(backend or "gloo").lower())


def destroy_process_group(group: Any = None) -> None:
    """Forget the group."""
    _member(group)
    GroupMember.WORLD = None


def _member(group: Any = None) -> ProcessGroup:
    if GroupMember.WORLD is None:
        raise ValueError(
            "Default process group has not been initialized, please make sure to call init_process_group."
        )
    return GroupMember.WORLD if group is None else group


def get_rank(group: Any = None) -> int:
    """This process's number in the group."""
    _member(group)
    return 0


def get_world_size(group: Any = None) -> int:
    """Number of processes in the group."""
    _member(group)
    return 1


def get_backend(group: Any = None) -> str:
    """Name of the group's backend."""
    return _member(group).name()


def get_global_rank(group: Any, group_rank: int) -> int:
    """Number in the world of a member of a group."""
    _member(group)
    return group_rank


def get_group_rank(group: Any, global_rank: int) -> int:
    """Number in a group of a member of the world."""
    _member(group)
    return global_rank


def get_process_group_ranks(group: Any = None) -> list[int]:
    """Numbers of the members."""
    _member(group)
    return [0]


def new_group(ranks: Any = None, *args: Any, **kwargs: Any) -> ProcessGroup:
    """A further group of this process alone."""
    if ranks is not None and list(ranks) != [0]:
        raise ValueError(
            f"the new group's world size should be 1 and its ranks [0], got {list(ranks)}"
        )
    return ProcessGroup(_member().name())


def _done(async_op: bool) -> Work | None:
    return Work() if async_op else None


def all_reduce(
    tensor: Tensor, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Combine the tensor over the group, in place: with one process, it stays."""
    _member(group)
    return _done(async_op)


def reduce(
    tensor: Tensor, dst: int = 0, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Combine the tensor at one process: with one process, it stays."""
    _member(group)
    return _done(async_op)


def broadcast(
    tensor: Tensor, src: int = 0, group: Any = None, async_op: bool = False, **kwargs: Any
) -> Work | None:
    """Take the tensor of one process: with one process, it stays."""
    _member(group)
    return _done(async_op)


def barrier(group: Any = None, async_op: bool = False, device_ids: Any = None) -> Work | None:
    """Wait for the group: with one process, returns at once."""
    _member(group)
    return _done(async_op)


def monitored_barrier(group: Any = None, timeout: Any = None, wait_all_ranks: bool = False) -> None:
    """Wait for the group: with one process, returns at once."""
    _member(group)


def _copy(target: Tensor, source: Tensor) -> None:
    recording = _C.is_grad_enabled()
    _C.set_grad_enabled(False)
    try:
        target.copy_(source.reshape(target.shape))
    finally:
        _C.set_grad_enabled(recording)


def all_gather(
    tensor_list: list, tensor: Tensor, group: Any = None, async_op: bool = False
) -> Work | None:
    """Collect the tensors of all processes in a list."""
    _member(group)
    _copy(tensor_list[0], tensor)
    return _done(async_op)


def gather(
    tensor: Tensor,
    gather_list: Any = None,
    dst: int = 0,
    group: Any = None,
    async_op: bool = False,
    **kwargs: Any,
) -> Work | None:
    """Collect the tensors of all processes at one of them."""
    _member(group)
    if gather_list is None:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    _copy(gather_list[0], tensor)
    return _done(async_op)


def scatter(
    tensor: Tensor,
    scatter_list: Any = None,
    src: int = 0,
    group: Any = None,
    async_op: bool = False,
    **kwargs: Any,
) -> Work | None:
    """Give each process one tensor of a list."""
    _member(group)
    if not scatter_list:
        raise ValueError("Argument ``scatter_list`` must be specified on source rank.")
    _copy(tensor, scatter_list[0])
    return _done(async_op)


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: Any = None, async_op: bool = False
) -> Work | None:
    """Collect the tensors of all processes in one tensor."""
    _member(group)
    _copy(output_tensor, input_tensor)
    return _done(async_op)


def reduce_scatter(
    output: Tensor,
    input_list: list,
    op: Any = ReduceOp.SUM,
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """Combine lists of tensors and give each process one."""
    _member(group)
    _copy(output, input_list[0])
    return _done(async_op)


def reduce_scatter_tensor(
    output: Tensor, input: Tensor, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Combine tensors and give each process a part."""
    _member(group)
    _copy(output, input)
    return _done(async_op)


def all_to_all(
    output_tensor_list: list, input_tensor_list: list, group: Any = None, async_op: bool = False
) -> Work | None:
    """Exchange lists of tensors."""
    _member(group)
    _copy(output_tensor_list[0], input_tensor_list[0])
    return _done(async_op)


def all_to_all_single(
    output: Tensor,
    input: Tensor,
    output_split_sizes: Any = None,
    input_split_sizes: Any = None,
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """Exchange parts of a tensor."""
    _member(group)
    _copy(output, input)
    return _done(async_op)


def all_gather_object(object_list: list, obj: Any, group: Any = None) -> None:
    """Collect objects of all processes in a list."""
    _member(group)
    object_list[0] = obj


def gather_object(
    obj: Any, object_gather_list: Any = None, dst: int = 0, group: Any = None, **kwargs: Any
) -> None:
    """Collect objects of all processes at one of them."""
    _member(group)
    if object_gather_list is not None:
        object_gather_list[0] = obj


def broadcast_object_list(
    object_list: list, src: int = 0, group: Any = None, **kwargs: Any
) -> None:
    """Take the objects of one process: with one process, they stay."""
    _member(group)


def scatter_object_list(
    output: list, inputs: Any = None, src: int = 0, group: Any = None, **kwargs: Any
) -> None:
    """Give each process one object of a list."""
    _member(group)
    output[0] = inputs[0]
