from ganray.benchmarks import recolor


def test_nothing_changes_outside_of_products(edit_config, check_row):
    rows = recolor.measure(edit_config)
    check_row(rows, "dE2000")
    counted = {row["name"]: row["value"] for row in rows if row["unit"] == "px"}
    assert counted == {"skin": 0, "outside": 0} and all(row["at_most"] == 0 for row in rows if row["unit"] == "px")
