"""Short-time Fourier transforms; other names are those of the package itself."""

from __future__ import annotations

from typing import Any

from . import _C
from ._autocast import full_precision

Tensor = _C.Tensor


def _window(window: Tensor | None, win_length: int, n_fft: int, like: Tensor) -> Tensor:
    """The window in the middle of n_fft elements."""
    dtype = like.abs().dtype if like.dtype.is_complex else like.dtype
    if window is None:
        window = _C.ops.ones((win_length,), dtype=dtype)
    if win_length == n_fft:
        return window
    left = (n_fft - win_length) // 2
    zeros = [
        _C.ops.zeros((left,), dtype=window.dtype),
        _C.ops.zeros((n_fft - win_length - left,), dtype=window.dtype),
    ]
    return _C.ops.cat([zeros[0], window, zeros[1]])


def _check_stft(x: Tensor, n_fft: int, hop: int, win_length: int, window: Tensor | None) -> None:
    head = (
        f"stft({type(x).__name__}{list(x.shape)}, n_fft={n_fft}, hop_length={hop}, win_length={win_length}, "
        f"window={'None' if window is None else list(window.shape)}): "
    )
    if not (x.dtype.is_floating_point or x.dtype.is_complex):
        raise RuntimeError(head + "expected a tensor of floating point or complex values")
    if not 1 <= x.dim() <= 2:
        raise RuntimeError(head + "expected a 1D or 2D tensor")
    if not 0 < n_fft <= x.size(-1):
        raise RuntimeError(head + f"expected 0 < n_fft < {x.size(-1)}, but got n_fft={n_fft}")
    if hop <= 0:
        raise RuntimeError(head + f"expected hop_length > 0, but got hop_length={hop}")
    if not 0 < win_length <= n_fft:
        raise RuntimeError(
            head + f"expected 0 < win_length <= n_fft, but got win_length={win_length}"
        )
    if window is not None and (window.dim() != 1 or window.size(0) != win_length):
        raise RuntimeError(
            head
            + "expected a 1D window tensor of size equal to "
            + f"win_length={win_length}, but got window with size {list(window.shape)}"
        )


@full_precision
def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """Fourier transforms of overlapping windows of signals.

    Args:
        input: signals (..., length), one or two dimensions.
        n_fft: length of each transform.
        hop_length: distance between windows. Default: n_fft // 4.
        win_length: length of the window, padded to n_fft with zeros. Default: n_fft.
        window: weights (win_length,). Default: ones.
        center: pad the signal so that window t is centred at t * hop_length. Default: True.
        pad_mode: how to pad. Default: "reflect".
        normalized: divide by sqrt(n_fft). Default: False.
        onesided: only the half that determines the rest; default for real signals.
        return_complex: complex results; False gives pairs of numbers. Must be given for real signals.

    Returns:
        Tensor (..., frequencies, windows), with a last dimension of 2 unless complex.

    Example:
        >>> import rushlight as torch
        >>> torch.stft(torch.ones(8), 4, window=torch.ones(4), return_complex=True).shape
        torch.Size([3, 9])
    """
    hop = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    is_complex = input.dtype.is_complex or (window is not None and window.dtype.is_complex)
    if return_complex is None:
        if not is_complex:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will further require that "
                "return_complex=True in a future PyTorch release."
            )
        return_complex = True
    x = input
    if center and x.dim() in (1, 2):
        from .nn.functional import pad

        half = n_fft // 2
        shape = [1] * (3 - x.dim()) + list(x.shape)
        x = pad(x.view(shape), [half, half], pad_mode)
        x = x.view(list(x.shape)[-input.dim() :])
    _check_stft(x, n_fft, hop, win_length, window)
    frames = x.unfold(-1, n_fft, hop) * _window(window, win_length, n_fft, x)
    if onesided is None:
        onesided = not is_complex
    from . import fft

    norm = "ortho" if normalized else None
    if onesided and is_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    transform = fft.rfft if onesided else fft.fft
    out = transform(frames, norm=norm).transpose(-2, -1)
    return out if return_complex else _C.ops.view_as_real(out)


def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """Signals from their short-time Fourier transforms, by least squares.

    Args:
        input: complex tensor (..., frequencies, windows).
        n_fft, hop_length, win_length, window, center, normalized, onesided: as for `stft`.
        length: length of the signal; default: all that the windows cover.
        return_complex: the signal was complex. Default: False.

    Returns:
        Tensor (..., length).

    Raises:
        RuntimeError: some element is covered by no window.

    Example:
        >>> import rushlight as torch
        >>> x = torch.arange(8.0)
        >>> s = torch.stft(x, 4, window=torch.ones(4), return_complex=True)
        >>> torch.allclose(torch.istft(s, 4, window=torch.ones(4)), x, atol=1e-5)
        True
    """
    hop = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    if not input.dtype.is_complex:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    if input.numel() == 0:
        raise RuntimeError("istft: expected input with at least one element")
    if not 2 <= input.dim() <= 3:
        raise RuntimeError(
            f"istft: expected a tensor with 2 or 3 dimensions, but got {input.dim()}"
        )
    frequencies, count = input.shape[-2:]
    if onesided is None:
        onesided = frequencies != n_fft
    if onesided and frequencies != n_fft // 2 + 1:
        raise RuntimeError(
            f"istft: expected the frequency dimension (3rd to the last) of the input tensor to match n_fft / 2 + 1 "
            f"when onesided=True, but got {frequencies}"
        )
    from . import fft

    norm = "ortho" if normalized else None
    spectra = input.transpose(-2, -1)
    if return_complex:
        if onesided:
            raise RuntimeError(
                "istft: cannot have onesided input if the result is complex: pass onesided=False"
            )
        frames = fft.ifft(spectra, norm=norm)
    else:  # a real signal is determined by the first half
        frames = fft.irfft(spectra[..., : n_fft // 2 + 1], n_fft, norm=norm)
    weights = _window(window, win_length, n_fft, frames).to(frames.dtype)
    rows = frames.reshape([-1, count, n_fft]) * weights
    total = n_fft + hop * (count - 1)
    # Where element j of window i lies in the signal.
    place = (_C.ops.arange(count).unsqueeze(-1) * hop + _C.ops.arange(n_fft)).reshape([-1])
    signal = _C.ops.zeros((rows.size(0), total), dtype=rows.dtype).index_add(
        1, place, rows.reshape([rows.size(0), -1])
    )
    square = (weights * weights).expand([count, n_fft]).reshape([-1])
    cover = _C.ops.zeros((total,), dtype=weights.dtype).index_add(0, place, square)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - (n_fft // 2 if center else 0)
    signal, cover = signal[:, start:end], cover[start:end]
    if cover.numel() and cover.abs().min().item() <= 1e-11:
        raise RuntimeError(
            "window overlap add min: 1: some elements of the signal are covered by no window; "
            "use a smaller hop_length or another window"
        )
    signal = signal / cover
    if end > total:
        gap = _C.ops.zeros((signal.size(0), end - total), dtype=signal.dtype)
        signal = _C.ops.cat([signal, gap], 1)
    return signal.squeeze(0) if input.dim() == 2 else signal


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    import sys

    return getattr(sys.modules[__package__], name)
