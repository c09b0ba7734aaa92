import threading

import numpy as np

from ganray.images import faces


def test_nothing_is_found_where_nothing_is():
    assert faces.find_faces(np.full((100, 80, 3), 200, np.uint8)) == []
    assert faces.find_faces(np.zeros((1, 1, 3), np.uint8)) == []


def test_each_thread_has_a_detector_of_its_own():
    found = []
    threads = [threading.Thread(target=lambda: found.append(faces.can_find())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [faces.can_find()] * 2


def test_boxes_are_in_pixels_of_the_photo(monkeypatch):
    class Detector:
        def detectMultiScale(self, grey, **limits):
            assert grey.shape == (360, 720) and limits["minSize"] == (22, 22)
            return np.array([[300, 100, 40, 40], [20, 10, 30, 30]], np.int32)

    monkeypatch.setattr(faces, "_detector", Detector)
    assert faces.find_faces(np.zeros((720, 1440, 3), np.uint8)) == [(40, 20, 60, 60), (600, 200, 80, 80)]
