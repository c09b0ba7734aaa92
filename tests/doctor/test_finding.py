from ganray.doctor.finding import Finding, State, note, ok, problem


def test_a_problem_stands_out_and_is_the_worst():
    assert [state.word for state in sorted(State)] == ["ok", "note", "PROBLEM"]
    assert (ok("a", "b"), note("a", "b")) == (Finding("a", State.OK, "b"), Finding("a", State.NOTE, "b"))
    assert problem("a", "b", "c").remedy == "c"
