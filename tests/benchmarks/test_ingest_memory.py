from ganray.benchmarks.ingest_memory import CATEGORIES, Synthetic
from ganray.images.codec import decode


def test_photos_are_valid_and_all_different():
    store = Synthetic(30)
    infos = list(store.list())
    assert len({info.key for info in infos}) == 30
    assert len({info.key.partition("/")[0] for info in infos}) == CATEGORIES
    data = [store.get(info.key) for info in infos]
    assert len(set(data)) == 30 and {len(each) for each in data} == {info.size for info in infos}
    assert decode(data[0]).pixels.shape == (16, 16, 3)
    assert store.get_range(infos[0].key, 2, 10) == data[0][2:12] and store.open_seekable(infos[0].key).read() == data[0]
