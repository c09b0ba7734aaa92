from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY, UNKNOWN, Evidence, strongest


def test_a_fault_outweighs_what_is_unknown_which_outweighs_none():
    clear, unknown, likely, certain = (Evidence(strength, strength) for strength in (CLEAR, UNKNOWN, LIKELY, CERTAIN))
    assert strongest(clear, likely, certain, unknown) is certain
    assert strongest(clear, unknown) is unknown and strongest(unknown, likely) is likely
    assert likely.fault and certain.fault and not clear.fault and not unknown.fault
