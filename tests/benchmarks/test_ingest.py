from ganray.benchmarks import ingest
from ganray.benchmarks.ingest import SIZE, bare, write_photos
from ganray.images.codec import decode


def test_photos_are_valid_and_all_different(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "DRAWN", 6)
    write_photos(tmp_path, 11)
    paths = sorted(tmp_path.rglob("*.jpg"))
    data = [path.read_bytes() for path in paths]
    assert len(set(data)) == len(paths) == 11
    assert decode(data[0]).pixels.shape == (SIZE[1], SIZE[0], 3)
    assert bare([str(path) for path in paths[:2]]) > 100
