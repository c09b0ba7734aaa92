"""`edits.Tools` for tests: networks and pictures by name."""

import numpy as np

from ganray.errors import RequestError


class Lent:
    product, attributes = None, {}

    def __init__(self, networks=None, **pictures):
        self.networks, self.pictures = networks or {}, pictures

    def network(self, task):
        return self.networks.get(task)

    def picture(self, name):
        if name not in self.pictures:
            raise RequestError(f"picture {name!r} is not given")
        picture = self.pictures[name]
        return picture if isinstance(picture, tuple) else (picture, None)

    def rng(self):
        return np.random.default_rng(0)
