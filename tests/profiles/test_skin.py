import numpy as np

from ganray.profiles.skin import is_skin


def test_skins_of_many_people_and_what_is_none():
    people = np.array([(236, 190, 160), (214, 160, 120), (168, 112, 76), (110, 70, 48)], np.uint8)
    things = np.array([(255, 255, 255), (30, 60, 200), (40, 150, 60), (120, 120, 120), (10, 10, 10), (250, 20, 30)], np.uint8)
    assert is_skin(people).all() and not is_skin(things).any()
