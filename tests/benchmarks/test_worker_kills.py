from ganray.benchmarks.worker_kills import draw_kills


def test_deaths_are_drawn_by_their_seed_and_differ():
    first = draw_kills(1, 50, world=2, steps=12, batch=16, longest=0.3)
    assert first == draw_kills(1, 50, world=2, steps=12, batch=16, longest=0.3)
    assert first != draw_kills(2, 50, world=2, steps=12, batch=16, longest=0.3)
    assert {death.rank for death in first} == {0, 1}
    assert {death.num_images for death in first} == set(range(0, 192, 16))
    assert all(0 <= death.delay <= 0.3 for death in first)
    assert len({death.name for death in first}) == 50
