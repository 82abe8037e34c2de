"""Sending batches between processes: small objects as bytes, tensors through shared memory.

A message is a pickle over a socket. The tensors inside go, back to back, into one anonymous
memory file (memfd) whose descriptor travels with the message; the receiver maps it, and the
memory is freed when the last tensor made from it dies. The file has no name, so nothing is left
behind when a process is killed, and a container's small /dev/shm is no limit.
"""

from __future__ import annotations

import functools
import io
import mmap
import os
import pickle
from typing import Any

from .... import _C

# Tensors and messages below this many bytes go through the socket: mapping costs more than copying.
INLINE_BYTES = 16384
_ALIGN = 64


class _Packer(pickle.Pickler):
    """Pickles an object, laying the bytes of plain CPU tensors aside."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.arrays: list[tuple[int, Any]] = []
        self.size = 0
        self._seen: dict[int, tuple] = {}
        self._alive: list[Any] = []

    def persistent_id(self, obj: Any) -> Any:
        if type(obj) is not _C.Tensor:
            return None
        known = self._seen.get(id(obj))
        if known is not None:
            return known
        if obj.layout != _C.strided or obj.device.type != "cpu" or obj.grad_fn is not None:
            return None
        array = _as_bytes(obj)
        token = (
            self.size,
            array.nbytes,
            str(obj.dtype).rpartition(".")[2],
            tuple(obj.shape),
            obj.requires_grad,
        )
        self.arrays.append((self.size, array))
        self.size += -(-array.nbytes // _ALIGN) * _ALIGN
        self._seen[id(obj)] = token
        self._alive.append(obj)  # ids stay unique while we hold the objects
        return token


class _Unpacker(pickle.Unpickler):
    def __init__(self, data: Any, memory: Any) -> None:
        super().__init__(io.BytesIO(data))
        self._memory = memory
        self._made: dict[tuple, Any] = {}

    def persistent_load(self, token: Any) -> Any:
        made = self._made.get(token)
        if made is None:
            made = self._made[token] = _from_bytes(self._memory, *token)
        return made


def _as_bytes(tensor: Any) -> Any:
    """The elements as a numpy array of bytes, in logical order."""
    import numpy

    flat = tensor.detach().contiguous().reshape(-1)
    if tensor.numel() == 0:
        return numpy.empty(0, numpy.uint8)
    return flat.view(_C.uint8).numpy()


def _from_bytes(
    memory: Any, offset: int, nbytes: int, dtype: str, shape: tuple, requires_grad: bool
) -> Any:
    kind = getattr(_C, dtype)
    if nbytes == 0:
        return _C.ops.empty(shape, dtype=kind).requires_grad_(requires_grad)
    from .... import from_numpy

    raw = from_numpy(memory[offset : offset + nbytes])
    return raw.view(kind).reshape(shape).requires_grad_(requires_grad)


class _Mapping:
    """A mapped file, which numpy wraps and which is unmapped when the last tensor on it dies.

    Unlike Python's `mmap` it keeps no descriptor, so that a program may hold as many batches as it likes.
    """

    def __init__(self, fd: int, size: int) -> None:
        self._unmap = _libc().munmap
        address = _libc().mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, fd, 0)
        if address in (None, _MAP_FAILED):
            import ctypes

            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        self.size = size
        self.__array_interface__: dict[str, Any] = {
            "data": (address, False),
            "shape": (size,),
            "typestr": "|u1",
            "version": 3,
        }

    def __del__(self) -> None:
        if hasattr(self, "__array_interface__"):
            self._unmap(self.__array_interface__["data"][0], self.size)


_MAP_FAILED = (1 << 64) - 1


@functools.cache
def _libc() -> Any:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    size, number = ctypes.c_size_t, ctypes.c_int
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, size, number, number, number, ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, size]
    return libc


def pack(obj: Any) -> tuple[bytes, int | None]:
    """Encode an object.

    Returns:
        The message and the descriptor of the memory that belongs to it, or None.
    """
    file = io.BytesIO()
    packer = _Packer(file)
    packer.dump(obj)
    body = file.getbuffer()
    total = packer.size + len(body)
    if total <= INLINE_BYTES:
        out = bytearray(packer.size)
        for offset, array in packer.arrays:
            out[offset : offset + array.nbytes] = array.tobytes()
        return pickle.dumps((packer.size, bytes(out), bytes(body)), protocol=4), None
    fd = os.memfd_create("rushlight-batch", os.MFD_CLOEXEC)
    try:
        os.ftruncate(fd, total)
        with mmap.mmap(fd, total) as memory:
            import numpy

            whole = numpy.frombuffer(memory, numpy.uint8)
            for offset, array in packer.arrays:
                whole[offset : offset + array.nbytes] = array
            whole[packer.size : total] = numpy.frombuffer(body, numpy.uint8)
            del whole
    except BaseException:
        os.close(fd)
        raise
    return pickle.dumps((packer.size, total, None), protocol=4), fd


def unpack(message: bytes, fd: int | None) -> Any:
    """Decode what `pack` made; closes the descriptor."""
    import numpy

    size, data, body = pickle.loads(message)
    if fd is None:
        # A bytearray, because tensors must be writable.
        return _Unpacker(body, numpy.frombuffer(bytearray(data), numpy.uint8)).load()
    try:
        memory = numpy.asarray(_Mapping(fd, data))
    finally:
        os.close(fd)
    return _Unpacker(memory[size:].tobytes(), memory).load()


class Channel:
    """One end of a pair of connected sockets that carries messages with descriptors."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection  # multiprocessing.connection.Connection: pickles for spawn

    def send(self, header: Any, obj: Any) -> None:
        """Send a small header and an object; raises OSError when nobody listens any more."""
        message, fd = pack(obj)
        try:
            self.connection.send((header, message, fd is not None))
            if fd is not None:
                _send_fd(self.connection.fileno(), fd)
        finally:
            if fd is not None:
                os.close(fd)

    def receive(self) -> tuple[Any, bytes, int | None]:
        """The next header, message and descriptor; `unpack` decodes the latter two."""
        header, message, has_fd = self.connection.recv()
        return header, message, _receive_fd(self.connection.fileno()) if has_fd else None

    def fileno(self) -> int:
        return self.connection.fileno()

    def close(self) -> None:
        self.connection.close()


def _send_fd(sock_fd: int, fd: int) -> None:
    import socket

    with socket.socket(fileno=os.dup(sock_fd)) as sock:
        socket.send_fds(sock, [b"F"], [fd])


def _receive_fd(sock_fd: int) -> int:
    import socket

    with socket.socket(fileno=os.dup(sock_fd)) as sock:
        got, fds, _, _ = socket.recv_fds(sock, 1, 1, socket.MSG_CMSG_CLOEXEC)
    if got and not fds:
        raise RuntimeError(
            "Too many open files. Communication with the workers is no longer possible. "
            "Please increase the limit using `ulimit -n` in the shell"
        )
    if not fds:
        raise EOFError("the other process ended in the middle of a message")
    return fds[0]
