"""A shop's load on a running `ganray serve`: pictures drawn, pictures that the shop has already, photos edited, lists read.

    pip install locust
    locust -f tests/load/locustfile.py --headless -u 20 -r 5 -t 60s --host http://127.0.0.1:8000

Without --headless its page is at http://127.0.0.1:8089. $GANRAY_API_KEY is sent where it is set. An answer that is documented (429, 503,
504: the server has too much to do) counts as a failure all the same: what a shop does not get is what this measures.
"""

from __future__ import annotations

import base64
import os
import random
from io import BytesIO

from locust import HttpUser, between, task
from PIL import Image, ImageDraw

SIDE = 400
KNOWN = 20  # pictures that a client asks for again


def photo() -> str:
    """A red disc before a grey wall, as a data: URL."""
    picture = Image.new("RGB", (SIDE, SIDE), (200, 204, 208))
    ImageDraw.Draw(picture).ellipse((SIDE // 4, SIDE // 4, 3 * SIDE // 4, 3 * SIDE // 4), fill=(190, 40, 40))
    picture.save(file := BytesIO(), "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


PHOTO = photo()


class Shop(HttpUser):
    """The back end of a shop: many small requests."""

    wait_time = between(0.05, 0.5)

    def on_start(self) -> None:
        """A client of its own key and memory, which does everything once: a short run has it all."""
        self.tags: dict[int, str] = {}
        if key := os.environ.get("GANRAY_API_KEY"):
            self.client.headers["Authorization"] = f"Bearer {key}"
        for work in (self.read_lists, self.ask_again, self.generate, self.generate_several, self.edit):
            work()
        self.ask(*self.tags)

    @task(10)
    def generate(self) -> None:
        """A new picture."""
        self.client.post("/v1/generate", json={"seed": random.getrandbits(53)}, name="generate")

    @task(4)
    def ask_again(self) -> None:
        """A picture that was asked for before: 304."""
        self.ask(random.randrange(KNOWN))

    def ask(self, seed: int) -> None:
        """A picture, with its tag where the client has it."""
        headers = {"If-None-Match": self.tags[seed]} if seed in self.tags else {}
        name = "generate, known" if headers else "generate"
        with self.client.post("/v1/generate", json={"seed": seed}, headers=headers, name=name, catch_response=True) as answer:
            if headers and answer.status_code != 304:
                answer.failure(f"{answer.status_code} for a picture that the client has")
            elif answer.status_code == 200:
                self.tags[seed] = answer.headers["ETag"]

    @task(2)
    def generate_several(self) -> None:
        """Four pictures of a product, as JSON."""
        with self.client.post(
            "/v1/generate", json={"id": f"sku-{random.randrange(10**6)}", "count": 4}, name="generate, 4", catch_response=True
        ) as answer:
            if answer.status_code == 200 and len(answer.json()["images"]) != 4:
                answer.failure("not four pictures")

    @task(1)
    def edit(self) -> None:
        """A photo on white."""
        self.client.post("/v1/edit", json={"image": PHOTO, "edits": ["white"]}, name="edit")

    @task(1)
    def read_lists(self) -> None:
        """What a page asks for when it opens."""
        for path in ("/v1/models", "/v1/edits", "/v1/profiles"):
            self.client.get(path)
