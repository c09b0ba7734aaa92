from ganray.benchmarks import recolor, recolor_pairs


def test_nothing_changes_outside_of_products(edit_config, check_row, monkeypatch):
    monkeypatch.setattr(recolor_pairs, "HEIGHT", 240)
    rows = recolor.measure(edit_config)
    check_row(rows, "dE2000")
    counted = {row["name"]: row["value"] for row in rows if row["unit"] == "px"}
    assert counted == {"skin": 0, "outside": 0} and all(row["at_most"] == 0 for row in rows if row["unit"] == "px")
    assert rows[0]["accepted"] > 0 and next(row for row in rows if row["name"] == "named")["composites"] > 0
