"""An ONNX file as the network of a task: what callers give (edits/edit.py) in the file's own layout and scale, its answer back in theirs.

A file is tried once when it is opened, so that one that takes other pictures, or answers with others, is refused before the first photo.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ganray.config.networks import NetworkFile
from ganray.edits.onnx_session import Array, OnnxSession, by_x
from ganray.errors import CheckpointError, ConfigError, EditError

Field = NDArray[np.float32]
SHARP = 512  # px: a matte of this size needs no second look to be sharp
FLAT = 1e-6  # spread of a matte under which nothing is stretched: there is nothing in it


class OnnxNetwork:
    """A row of `networks.yaml` as `edits.Network`; `identity` names its bytes and its settings. Thread-safe.

    `factor` is how many times as large an upscaler's answer is, `mirrored` whether `both_ways` asks it twice, `views` how often a matte
    looks at a photo, `channels` those of its whole input: an upscaler with four is told the quality of a JPEG.
    """

    def __init__(self, task: str, row: NetworkFile, data: bytes) -> None:
        """Open the bytes of a file and try them. Raises CheckpointError for other bytes than the row's, for no ONNX file, for another
        number or shape of inputs and outputs, and for numbers that are not finite; ConfigError without the extra `onnx`."""
        check_digest(task, row, data)
        self.places: set[tuple[str, str]] = set()  # URL and version of files whose bytes are known to be these
        self.task, self.size, self.halo, self.factor, self.mirrored = task, row.size, row.halo, row.factor, row.mirror
        self.views = row.views or (1 if row.size >= SHARP else 3)
        self.identity = identity_of(task, row)
        self._row = row
        self._session = OnnxSession(data, f"{task}: {row.url}")
        self.channels, self._feeds = _feeds(self._session, task, row)
        self._output = _output(self._session, task, row)
        low, high = row.range
        mean, std = np.array(row.mean)[:, None, None], np.array(row.std)[:, None, None]
        self._scale = ((high - low) / 2 / std).astype(np.float32)  # of values in [-1, 1]; one that changes nothing is exactly 1
        self._shift = (((high + low) / 2 - mean) / std).astype(np.float32)
        self._answer(_probe(self.channels, row.size))

    def __call__(self, x: Field) -> Field:
        """Float32 [N, C, size, size] -> float32 [N, C', size', size'], see `edits.Network`; one picture at a time.

        Raises EditError("failed") where the network has no answer to a picture, or one that is not finite.
        """
        try:
            return np.concatenate([self._answer(picture) for picture in np.split(x, len(x))])
        except CheckpointError as error:
            raise EditError("failed", error.message, error.remedy) from error

    def feed(self, x: Field) -> dict[str, Array]:
        """One picture float32 [1, C, size, size] as the file wants it: input -> array."""
        parts = [self._scaled(x[:, :3]), x[:, 3:]]
        if len(self._feeds) == 1:
            parts = [np.concatenate(parts, 1) if parts[1].size else parts[0]]
        return {name: self._laid_out(part, kind) for (name, kind), part in zip(self._feeds, parts, strict=True)}

    def run(self, feed: dict[str, Array]) -> Array:
        """The file's own answer. Raises CheckpointError."""
        return self._session.run(self._output, feed)

    def _answer(self, x: Field) -> Field:
        """The answer to one picture float32 [1, C, size, size]. Raises CheckpointError."""
        answer = np.asarray(self.run(self.feed(x)), np.float32)
        if not np.isfinite(answer).all():
            raise CheckpointError(
                f"{self._session.name} returned numbers that are not finite",
                "Check range, mean and std, or export it as float32",
            )
        return self._matte(answer) if self.task == "matte" else self._picture(answer, x)

    def _scaled(self, picture: Field) -> Field:
        ordered = picture[:, ::-1] if self._row.channels == "BGR" else picture
        scaled: Field = ordered * self._scale + self._shift
        return scaled

    def _laid_out(self, part: Field, kind: type[np.generic]) -> Array:
        laid = part.transpose(0, 2, 3, 1) if self._row.layout == "NHWC" else part
        if issubclass(kind, np.integer | np.bool_):
            laid = np.clip(np.rint(laid), 0, 255)
        return np.ascontiguousarray(laid, kind)

    def _matte(self, answer: Field) -> Field:
        if answer.size != self.size**2 or self.size not in answer.shape:
            raise self._of_another_shape(answer, f"1x1x{self.size}x{self.size}")
        share: Field = answer.reshape(1, 1, self.size, self.size)
        if self._row.logits:
            share = np.asarray(1 / (1 + np.exp(-np.clip(share, -80, 80))), np.float32)
        low, high = self._row.output_range
        if self._row.min_max:
            low, high = float(share.min()), float(share.max())
            if high - low < FLAT:
                return np.zeros_like(share)
        matte: Field = np.clip((share - np.float32(low)) / np.float32(high - low), 0, 1)
        return matte

    def _picture(self, answer: Field, x: Field) -> Field:
        side = self.size * (self.factor if self.task == "upscale" else 1)
        laid = (side, side, 3) if self._row.layout == "NHWC" else (3, side, side)
        if answer.shape not in (laid, (1, *laid)):
            raise self._of_another_shape(answer, by_x((1, *laid)))
        answer = answer.reshape(1, *laid)
        if self._row.layout == "NHWC":
            answer = answer.transpose(0, 3, 1, 2)
        if self._row.channels == "BGR":
            answer = answer[:, ::-1]
        low, high = self._row.output_range
        picture = answer * np.float32(2 / (high - low)) - np.float32((high + low) / (high - low))
        return np.where(x[:, 3:] > 0, picture, x[:, :3]) if self.task == "inpaint" else np.ascontiguousarray(picture)

    def _of_another_shape(self, answer: Field, wanted: str) -> CheckpointError:
        return CheckpointError(
            f"{self._session.name} answers with {by_x(answer.shape)} where {wanted} is wanted",
            "Check size, layout, factor and output of its row",
        )


_open: weakref.WeakValueDictionary[str, OnnxNetwork] = weakref.WeakValueDictionary()
_opening = threading.Lock()


def shared_network(task: str, row: NetworkFile, version: str, read: Callable[[NetworkFile], bytes]) -> OnnxNetwork:
    """The network of a row, one for all lanes of this process while any of them holds it. `version` is that of the file (its etag): another
    one is read and must have the row's digest. Raises what OnnxNetwork and `read` raise."""
    key, place = identity_of(task, row), (row.url, version)
    with _opening:
        network = _open.get(key)
        if network is None:
            network = _open[key] = OnnxNetwork(task, row, read(row))
        elif place not in network.places:
            check_digest(task, row, read(row))
        network.places.add(place)
        return network


def identity_of(task: str, row: NetworkFile) -> str:
    """Names a network's bytes and its settings, before they are read."""
    return f"{task}:{row.sha256}/{row.settings_digest}"


def check_digest(task: str, row: NetworkFile, data: bytes) -> None:
    """Raise CheckpointError unless these bytes have the digest that the row names."""
    digest = hashlib.sha256(data).hexdigest()
    if digest != row.sha256:
        raise CheckpointError(
            f"{task}: {row.url} has sha256 {digest}, {row.sha256} is named for it",
            "Put the named file back, or name the new one's digest",
        )


def _feeds(session: OnnxSession, task: str, row: NetworkFile) -> tuple[int, list[tuple[str, type[np.generic]]]]:
    """Channels in all, and the inputs to feed, picture first: names and types. Raises ConfigError for an unknown name, CheckpointError for
    other shapes."""
    known = {name: (kind, shape) for name, kind, shape in session.inputs}
    names = row.inputs or tuple(known)
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(f"{session.name} has no input {unknown[0]!r}", f"Its inputs are {', '.join(known)}")
    most = 2 if task == "inpaint" else 1
    if len(names) > most or len(names) < len(known):
        wants = "a picture and a mask" if most > 1 else "a picture alone"
        raise CheckpointError(f"{session.name} wants {len(known)} inputs, {', '.join(known)}; {task} gives {wants}", "Export it with these")
    axis = -1 if row.layout == "NHWC" else 1
    told = task == "upscale" and known[names[0]][1][axis:][:1] == (4,)
    channels = [3, 1] if len(names) > 1 else [4 if task == "inpaint" or told else 3]
    for name, num in zip(names, channels, strict=True):
        given = (1, row.size, row.size, num) if row.layout == "NHWC" else (1, num, row.size, row.size)
        shape = known[name][1]
        if len(shape) != 4 or any(side not in (-1, of) for side, of in zip(shape, given, strict=True)):
            raise CheckpointError(
                f"{session.name} asks for {by_x(shape)} as {name}, its row gives {by_x(given)}", "Set size and layout to what it asks for"
            )
    return sum(channels), [(name, known[name][0]) for name in names]


def _output(session: OnnxSession, task: str, row: NetworkFile) -> str:
    if row.output and row.output not in session.outputs:
        raise ConfigError(f"{task}: {row.url} has no output {row.output!r}", f"Its outputs are {', '.join(session.outputs)}")
    return row.output or session.outputs[0]


def _probe(channels: int, size: int) -> Field:
    """A picture to try a network with, float32 [1, channels, size, size]: a disc before a gradient; the fourth channel is the disc."""
    y, x = (np.indices((size, size)) / size).astype(np.float32)
    disc = ((y - 0.5) ** 2 + (x - 0.5) ** 2 < 0.09).astype(np.float32)
    planes = [np.where(disc > 0, value, 2 * ramp - 1) for value, ramp in ((0.7, x), (-0.4, y), (-0.8, 1 - x))] + [disc]
    return np.stack(planes[:channels])[None].astype(np.float32)
