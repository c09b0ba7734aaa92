import numpy as np

from ganray.edits.hole_parts import Box, clusters, parts_of


def mask_of(*boxes, size=(90, 140)):
    mask = np.zeros(size, bool)
    for top, left, height, width in boxes:
        mask[top : top + height, left : left + width] = True
    return mask


def test_the_parts_are_the_mask():
    mask = mask_of((0, 0, 5, 5), (30, 50, 20, 24), (88, 139, 2, 1), size=(90, 140)).repeat(5, 0).repeat(5, 1)[:447, :699]
    parts = list(parts_of(mask))
    again = np.zeros_like(mask)
    for part in parts:
        assert not again[part.rows, part.columns].any()
        again[part.rows, part.columns] = True
        assert (part.mask(part.box) == mask[part.box.slices]).all() and part.mask(part.box).any(0).all()
        flat = part.rows * mask.shape[1] + part.columns
        assert (np.diff(flat) > 0).all()
    assert len(parts) == 3 and np.array_equal(again, mask)


def test_neighbours_are_filled_together_and_others_are_not():
    size = (400, 600)
    parts = list(parts_of(mask_of((10, 10, 10, 10), (10, 40, 10, 10), (10, 80, 10, 10), (300, 500, 40, 40), size=size)))
    found = clusters(parts, size)
    assert sorted(len(cluster.parts) for cluster in found) == [1, 3]
    for cluster in found:
        assert all(part.box.grown(48, size) <= part.box for part in cluster.parts)
        others = [part for other in found if other is not cluster for part in other.parts]
        assert not any(cluster.window.meets(part.box) for part in others)


def test_boxes():
    box = Box(10, 20, 30, 50)
    assert box.shape == (20, 30) and box.grown(15, (35, 100)) == (0, 5, 35, 65)
    assert box.meets(Box(29, 49, 40, 60)) and not box.meets(Box(30, 20, 40, 50))
