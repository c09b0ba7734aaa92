from ganray.benchmarks import recolor


def test_nothing_changes_outside_of_products(edit_config, check_row):
    rows = recolor.measure(edit_config)
    check_row(rows, "dE2000")
    assert rows[1]["value"] == rows[1]["at_most"] == 0
