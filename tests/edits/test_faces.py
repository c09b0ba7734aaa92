import threading

import numpy as np

from ganray.benchmarks.drawn_figures import Cloth, Figure, draw_figure
from ganray.edits import faces
from ganray.images.lab import to_lab


def test_nothing_is_found_where_nothing_is():
    assert faces.faces_in(np.full((100, 80, 3), 200, np.uint8)) == [] == faces.face_tones(np.full((100, 80, 3), 200, np.uint8))


def test_each_thread_has_a_detector_of_its_own():
    found = []
    threads = [threading.Thread(target=lambda: found.append(faces.can_look())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [faces.can_look()] * 2


def test_a_face_has_the_tone_of_its_skin(monkeypatch):
    skin = (222.0, 171.0, 135.0)
    drawn = draw_figure(Figure((Cloth("dress", (45.0, 80.0, 160.0)),), skin, (38.0, 30.0, 28.0)), 600)
    head = np.argwhere(drawn.share("hair") > 0.5).mean(0)
    monkeypatch.setattr(faces, "faces_in", lambda pixels: [(round(head[1]) - 30, round(head[0]) - 10, 60)])
    (tone,) = faces.face_tones(drawn.pixels)
    assert np.linalg.norm(tone - to_lab(np.array(skin, np.uint8))) < 15
