"""The privacy accountant: epsilon from noise and steps, noise from epsilon, and the record that a model carries.

Every step adds Gaussian noise to a sum over a Poisson sample. Its Renyi divergence is known in both directions, for a photo added and
for one removed (Mironov et al., arXiv 1908.10530); it adds up over steps and gives (epsilon, delta). Opacus computes it. The bound is
proven and takes a tenth of a second; accountants by numerical composition need seconds to minutes for an epsilon that is lower by a
tenth to a quarter.
"""

from __future__ import annotations

import importlib.util
import math
import warnings
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ganray.config import Section, TrainConfig
from ganray.errors import ConfigError

# the optimal order is high where epsilon is small: the list of Opacus ends at 63
ORDERS = (*(1 + step / 20 for step in range(1, 200)), *range(11, 64), 72, 80, 96, 128, 192, 256, 512, 1024)
MOST_NOISE = 1e4  # largest noise multiplier: beyond it, nothing is learned
PRECISION = 1.001  # relative precision of the noise multiplier


class PrivacyRecord(Section):
    """The guarantee of a model: any one photo added to the catalog, or removed, changes the probability of any set of outcomes by a
    factor of at most e^`epsilon`, plus `delta`. `noise` is the multiplier (standard deviation over `clip`), `rate` the
    probability of each photo in each of the `steps`."""

    epsilon: float
    delta: float
    noise: float
    clip: float
    rate: float
    steps: int
    unit: str = "one photo"
    neighbours: str = "catalogs that differ by one photo, added or removed"
    accountant: str


def require() -> str:
    """Name and version of the accounting library. Raises ConfigError where it is not installed."""
    _divergences()
    return f"Renyi divergence, opacus {version('opacus')}"


@cache
def _divergences() -> Any:
    """Opacus's module of Renyi divergences, loaded from its file: `import opacus` loads torch's compiler and scipy.stats as well, which
    takes three seconds of a slow core."""
    package = importlib.util.find_spec("opacus")
    if package is None or package.origin is None:
        raise ConfigError("train: privacy.epsilon needs opacus, not installed", "Install it: pip install 'ganray[privacy]'")
    spec = importlib.util.spec_from_file_location("opacus_rdp", Path(package.origin).with_name("accountants") / "analysis" / "rdp.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def epsilon_of(noise: float, rate: float, steps: int, delta: float) -> float:
    """Epsilon at `delta` after `steps` steps of Poisson sampling with probability `rate`; 0 for no steps. ConfigError without opacus."""
    require()
    return _epsilon(noise, rate, steps, delta) if steps else 0.0


@lru_cache(maxsize=1024)  # half a second each, and a run asks for the same again: before it, on its card, when it resumes
def _epsilon(noise: float, rate: float, steps: int, delta: float) -> float:
    """What `opacus.accountants.RDPAccountant` computes of a history of one entry."""
    divergences, orders = _divergences(), list(ORDERS)
    spent = divergences.compute_rdp(q=rate, noise_multiplier=noise, steps=steps, orders=orders)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "another order might give less": the bound holds anyway
        return float(divergences.get_privacy_spent(orders=orders, rdp=spent, delta=delta)[0])


def noise_for(epsilon: float, delta: float, rate: float, steps: int) -> float:
    """The smallest noise multiplier that reaches `epsilon` at `delta`, four digits. Raises ConfigError if it exceeds 10,000."""
    low, high = 0.0, 1.0
    while epsilon_of(high, rate, steps, delta) > epsilon:
        low, high = high, 2 * high
        if high > MOST_NOISE:
            raise ConfigError(
                f"train: privacy.epsilon = {epsilon:g} at delta = {delta:g} cannot be reached in {steps} steps",
                "Use fewer steps (--kimg), or a larger epsilon",
            )
    low = low or 0.01
    while high / low > PRECISION:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if epsilon_of(middle, rate, steps, delta) > epsilon else (low, middle)
    digits: float = 10.0 ** (3 - math.floor(math.log10(high)))
    return math.ceil(high * digits) / digits


def steps_of(config: TrainConfig) -> int:
    """Number of steps of a whole run."""
    return math.ceil(1000 * config.kimg / config.batch)


def record(config: TrainConfig, photos: int, num_images: int) -> PrivacyRecord:
    """The guarantee of a run on a catalog of `photos` photos after `num_images` images: over all steps, including those before a resume."""
    privacy, rate, steps = config.privacy, config.batch / photos, num_images // config.batch
    assert privacy.noise is not None, "set before the run"
    return PrivacyRecord(
        epsilon=epsilon_of(privacy.noise, rate, steps, privacy.delta),
        delta=privacy.delta,
        noise=privacy.noise,
        clip=privacy.clip,
        rate=rate,
        steps=steps,
        accountant=require(),
    )
