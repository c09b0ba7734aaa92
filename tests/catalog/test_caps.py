from ganray.catalog.caps import CAPS


def test_caps_face_a_side_or_the_camera(painted):
    for place, style in enumerate(CAPS):
        left, right = (painted("cap", place, len(CAPS), pick6=value).mask > 0.5 for value in (0.0, 0.99))
        assert (left[:, ::-1] == right).mean() > 0.99  # the same cap
        symmetric = (left == left[:, ::-1]).mean() > 0.97
        assert symmetric == (style in ("front", "beanie")), style


def test_a_beanie_may_have_a_pompom(painted):
    place = list(CAPS).index("beanie")
    plain, pompom = (painted("cap", place, len(CAPS), pick2=value).mask > 0.5 for value in (0.99, 0.0))
    top = [int(mask.any(axis=1).argmax()) for mask in (plain, pompom)]
    assert pompom[top[1] + 3].sum() < 0.5 * plain[top[0] + 3].sum()
