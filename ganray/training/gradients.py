"""The gradients of one network in one step: summed over micro-batches, then averaged over the workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

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
        self._buffer = parameters[0].new_empty(0)
        self._wait: Wait | None = None
        self._beside: tuple[list[Tensor], list[Tensor]] = ([], [])
        self.values: list[Tensor] = []

    def add(self, gradients: list[Tensor], share: float, room: int = 0) -> None:
        """Add `share` times the gradients; at the first time, with `room` for the mean of other numbers."""
        exact = all(gradient.dtype == torch.float32 for gradient in gradients)
        if self.values:
            torch._foreach_add_(self.values, gradients if exact else [gradient.float() for gradient in gradients], alpha=share)
        elif self._average is None and exact:
            self.values = gradients
            if share != 1:
                torch._foreach_mul_(self.values, share)
        else:
            self._buffer = torch.zeros(room + sum(tensor.numel() for tensor in self._parameters), device=gradients[0].device)
            self.values = _views(self._buffer, room, self._parameters)
            torch._foreach_copy_(self.values, gradients)
            if share != 1:
                torch._foreach_mul_(self.values, share)

    def begin_average(self, beside: list[Tensor]) -> None:
        """Begin the mean over workers of all that was added, and of the tensors `beside`, which are replaced by theirs."""
        if self._average is None:
            return
        copies = _views(self._buffer, 0, beside)
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


def _views(buffer: Tensor, first: int, like: Sequence[Tensor]) -> list[Tensor]:
    """Views of a buffer from its number `first` on, with the shapes and strides of dense tensors."""
    views = []
    for tensor in like:
        views.append(buffer.as_strided(tensor.shape, tensor.stride(), first))
        first += tensor.numel()
    return views
