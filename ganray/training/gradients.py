"""The gradients of one network in one step: summed over micro-batches, then averaged over the workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

ROUND = 4  # numbers: vectorised kernels load 16 bytes, from multiples of them
Wait = Callable[[], None]
# Begins to replace tensors by their means over workers, in place, each worker counting by its share of the batch. What it returns must be
# called before they are read; None where they are ready.
Average = Callable[[list[Tensor]], Wait | None]


class Gradients:
    """Sums of gradients in the order of a network's parameters, in float32.

    With several workers, or where gradients come in bf16, they are views of one buffer: their mean is one message that nobody puts together
    and takes apart, and their casts are one kernel. Otherwise the first gradients are kept as they are.
    """

    def __init__(self, parameters: Sequence[Tensor], average: Average | None) -> None:
        self._parameters, self._average = parameters, average
        self._buffer, self._room = parameters[0].new_empty(0), 0
        self._wait: Wait | None = None
        self._beside: tuple[list[Tensor], list[Tensor]] = ([], [])
        self.values: list[Tensor] = []

    def add(self, gradients: list[Tensor], share: float, room: int = 0) -> None:
        """Add `share` times the gradients; at the first time, with `room_for` what is averaged beside them."""
        exact = all(gradient.dtype == torch.float32 for gradient in gradients)
        if self.values:
            torch._foreach_add_(self.values, gradients if exact else [gradient.float() for gradient in gradients], alpha=share)
            return
        if self._average is None and exact:
            self.values = [_laid_out_as(parameter, gradient) for gradient, parameter in zip(gradients, self._parameters, strict=True)]
        else:
            self._room = sum(_rounded(tensor.numel()) for tensor in self._parameters)
            self._buffer = torch.zeros(self._room + room, device=gradients[0].device)
            self.values = _views(self._buffer, 0, self._parameters)
            for dtype in {gradient.dtype for gradient in gradients}:  # one kernel for all of a format
                pairs = [pair for pair in zip(self.values, gradients, strict=True) if pair[1].dtype == dtype]
                torch._foreach_copy_([value for value, _ in pairs], [gradient for _, gradient in pairs])
        if share != 1:
            torch._foreach_mul_(self.values, share)

    def begin_average(self, beside: list[Tensor]) -> None:
        """Begin the mean over workers of all that was added, and of the tensors `beside`, which are replaced by theirs."""
        if self._average is None:
            return
        copies = _views(self._buffer, self._room, beside)
        if beside:
            torch._foreach_copy_(copies, beside)
        self._beside = beside, copies
        self._wait = self._average([self._buffer])

    def wait(self) -> list[Tensor]:
        """The means."""
        if self._wait:
            self._wait()
        beside, copies = self._beside
        if beside:
            torch._foreach_copy_(beside, copies)
        return self.values


def room_for(tensors: Sequence[Tensor]) -> int:
    """Numbers that `Gradients.add` is to keep for these tensors."""
    return sum(_rounded(tensor.numel()) for tensor in tensors)


def _laid_out_as(parameter: Tensor, gradient: Tensor) -> Tensor:
    """The gradient with the strides of its parameter: the fused optimizer goes through both in the order of their memory."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter.detach()).copy_(gradient)


def _rounded(numel: int) -> int:
    return -(-numel // ROUND) * ROUND


def _views(buffer: Tensor, first: int, like: Sequence[Tensor]) -> list[Tensor]:
    """Views of a buffer from its number `first` on, with the shapes and strides of dense tensors, each at a multiple of ROUND."""
    views = []
    for tensor in like:
        views.append(buffer.as_strided(tensor.shape, tensor.stride(), first))
        first += _rounded(tensor.numel())
    return views
