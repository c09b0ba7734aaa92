from ganray.benchmarks.ingest import DRAWN, SIZE, bare, write_photos
from ganray.images.codec import decode


def test_photos_are_valid_and_all_different(tmp_path):
    write_photos(tmp_path, DRAWN + 5)
    paths = sorted(tmp_path.rglob("*.jpg"))
    data = [path.read_bytes() for path in paths]
    assert len(set(data)) == len(paths) == DRAWN + 5
    assert decode(data[0]).pixels.shape == (SIZE[1], SIZE[0], 3)
    assert bare([str(path) for path in paths[:2]]) > 100
