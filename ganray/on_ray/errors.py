"""Find ganray's own error under the layers in which Ray wraps it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import NoReturn, TypeVar

from ray.exceptions import RayActorError, RayError

from ganray.errors import ClusterError, GanrayError, StorageError

T = TypeVar("T")


def defer_error(build: Callable[[], T]) -> Callable[[], T]:
    """Call `build` at once, for an actor's constructor; what is given returns what it made, or raises the GanrayError that it raised.

    Of an error in a constructor Ray hands on the text alone, in an error of its own, and prints it; of one in a method the error.
    """
    try:
        made = build()
    except GanrayError as error:
        refusal = error
    else:
        return lambda: made

    def refused() -> NoReturn:
        raise refusal

    return refused


def find_ganray_error(error: BaseException) -> GanrayError | None:
    """The GanrayError that caused `error`; a ClusterError for Ray's own failures; None for a defect of ours."""
    layers = list(_layers(error))
    for layer in layers:
        # Ray raises a subclass of both its error and ours whose text is a traceback: its cause is the plain one.
        if isinstance(layer, GanrayError) and type(layer).__module__ == GanrayError.__module__:
            return layer
    for layer in layers:
        if isinstance(layer, OSError) and layer.errno == 28:
            return StorageError(f"{layer.filename or 'the disk'}: no space left", "Free some space, then run the same command again")
    if _is_of_training(error) and any(isinstance(layer, RayActorError) for layer in layers):
        return ClusterError("training workers died more often than max_failures allows (out of memory?)", "Continue with --resume")
    if isinstance(error, RayError) and not getattr(error, "cause", None):
        return ClusterError(f"Ray: {str(error).strip().splitlines()[0]}", "Run the same command again: finished work is kept")
    return None


def _layers(error: BaseException | None, seen: set[int] | None = None) -> Iterator[BaseException]:
    seen = set() if seen is None else seen
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    inner = [getattr(error, "cause", None), error.__cause__, error.__context__]
    if _is_of_training(error):
        inner += [*getattr(error, "worker_failures", {}).values(), getattr(error, "controller_failure", None)]
    for layer in inner:
        if isinstance(layer, BaseException):
            yield from _layers(layer, seen)


def _is_of_training(error: BaseException) -> bool:
    """Whether it is Ray Train's. Its import costs a CPU second, which neither a bulk job nor its workers need to pay."""
    train = sys.modules.get("ray.train")
    return train is not None and isinstance(error, train.TrainingFailedError)
