import pytest
import yaml

from ganray.benchmarks.serve_upgrade import ALIAS, Upgrades, table_of


def test_versions_take_turns_in_a_table_that_is_always_whole(tmp_path):
    table = tmp_path / "models.yaml"
    upgrades = Upgrades(table, ("a", "b"), 0.05)
    upgrades.write()
    assert table.read_text() == table_of("a")
    upgrades.start()
    seen = set()
    while upgrades.written < 5:
        seen.add(yaml.safe_load(table.read_text())["models"][ALIAS])
    upgrades.stop()
    assert seen == {"a", "b"}
    assert [path.name for path in tmp_path.iterdir()] == ["models.yaml"]


@pytest.mark.slow
@pytest.mark.long
def test_no_request_is_lost_when_a_version_changes(short_form):
    (row,) = short_form("serve-upgrade", seconds=1.5)
    assert row["value"] == row["wrong"] == 0
    assert row["upgrades"] > 1 and row["sent"] > 0 and row["versions_seen"] == 2
