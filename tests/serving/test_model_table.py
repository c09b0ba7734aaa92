"""The table of models: what it may say, who sees what of it, and that it is read again."""

import logging

import pytest

from ganray.errors import ConfigError, GanrayError
from ganray.serving.context import Caller
from ganray.serving.model_table import Source, TableFile, read_table
from ganray.storage import open_store

TEXT = """
models:
  shop-a/latest: s3://bucket/models/shop-a-7
  shop-a/next: {model: models/a-8, tenant: shop-a}
  shop-b/latest: {model: /srv/b, networks: nets.yaml, tenant: shop-b}
default: shop-a/latest
traffic:
  shop-a/main: {shop-a/latest: 0.9, shop-a/try: 0.1}
  shop-a/try: {shop-a/latest: 0.5, shop-a/next: 0.5}
"""


def test_rows_are_folders_and_relative_ones_lie_beside_the_file():
    rows = {name: row.source for name, row in read_table(TEXT, "models.yaml", "s3://conf/shop").models.items()}
    assert rows == {
        "shop-a/latest": Source("s3://bucket/models/shop-a-7"),
        "shop-a/next": Source("s3://conf/shop/models/a-8"),
        "shop-b/latest": Source("/srv/b", "s3://conf/shop/nets.yaml"),
    }


def test_what_a_divided_name_stands_for_in_the_end():
    leaves = read_table(TEXT, "models.yaml").leaves("shop-a/main")
    assert {name: round(share, 6) for name, share in leaves.items()} == {"shop-a/latest": 0.95, "shop-a/next": 0.05}


@pytest.mark.parametrize(
    ("tenant", "seen"),
    [
        ("shop-a", {"shop-a/latest", "shop-a/next", "shop-a/main", "shop-a/try"}),
        ("shop-b", {"shop-a/latest", "shop-b/latest"}),
        ("shop-c", {"shop-a/latest"}),
        ("", {"shop-a/latest", "shop-a/next", "shop-b/latest", "shop-a/main", "shop-a/try"}),
    ],
)
def test_a_tenant_sees_its_own_names_and_those_of_nobody(tenant, seen):
    table, caller = read_table(TEXT, "models.yaml"), Caller(tenant=tenant)
    assert set(table.names(caller)) == seen
    assert not table.sees(caller, "shop-z/latest")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("models: {a: [", "not YAML"),
        ("", "valid dictionary"),
        ("default: a", "models: Field required"),
        ("models: {a: x}\ncolour: red", "colour: Extra"),
        ("models: {a: {model: x, tenat: b}}", "models.a.tenat"),
        ("models: {a: {tenant: b}}", "models.a.model"),
        ("models: {a: {model: 7}}", "models.a.model"),
        ("models: {a: {model: x, tenant: 'b c'}}", "models.a.tenant"),
        ("models: {a: x, a: y}", "'a' stands twice"),
        ("models: {../a: x}", "models.../a"),
        ("models: {a//b: x}", "models.a//b"),
        ("models: {/a: x}", "models./a"),
        ("models: {a/./b: x}", "models.a/./b"),
        ("models: {a@b: x}", "models.a@b"),
        ("models: {'': x}", "models"),
        ("models: {a: x}\ndefault: b", "default: 'b' is not among"),
        ("models: {a: x}\ntraffic: {a: {a: 1}}", "traffic.a: a model has that name"),
        ("models: {a: x}\ntraffic: {m: {b: 1}}", "traffic.m: 'b' is not among"),
        ("models: {a: x, b: y}\ntraffic: {m: {a: 0.5, b: 0.4}}", "traffic.m: the shares sum to 0.9"),
        ("models: {a: x, b: y}\ntraffic: {m: {a: 1.5, b: -0.5}}", "traffic.m"),
        ("models: {a: x}\ntraffic: {m: {a: .nan}}", "traffic.m.a"),
        ("models: {a: x}\ntraffic: {m: {n: 1}, n: {m: 1}}", "leads back to itself, m -> n -> m"),
        ("models: {a: {model: x, tenant: s}, b: {model: y, tenant: t}}\ntraffic: {m: {a: 0.5, b: 0.5}}", "traffic.m: it divides between"),
        ("[" * 5000, "not YAML"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line_that_names_the_row(text, told):
    with pytest.raises(ConfigError) as raised:
        read_table(text, "models.yaml")
    assert told in str(raised.value) and str(raised.value).startswith("models.yaml: ") and "\n" not in str(raised.value)


def test_a_file_is_read_again_and_a_broken_one_keeps_the_table_and_is_told_once(tmp_path, caplog):
    store, url = open_store(str(tmp_path)), str(tmp_path / "models.yaml")
    store.put("models.yaml", b"models: {a: one}")
    file = TableFile(url, Source("base"))
    assert file.table.models["a"].model == f"{tmp_path}/one"
    store.put("models.yaml", b"models: {a: two}")
    file.refresh()
    assert file.table.models["a"].model == f"{tmp_path}/two"
    with caplog.at_level(logging.ERROR):
        for broken in (b"models: {a: [", b"models: {a: ["):
            store.put("models.yaml", broken)
            file.refresh()
        store.delete("models.yaml")
        file.refresh()
        file.refresh()
    assert file.table.models["a"].model == f"{tmp_path}/two"
    assert [("not YAML" in text, "models.yaml" in text) for text in caplog.messages] == [(True, True), (False, True)]
    store.put("models.yaml", b"models: {a: three}")
    file.refresh()
    assert file.table.models["a"].model == f"{tmp_path}/three"


def test_without_a_default_in_the_file_the_default_is_the_server_s_own_model(tmp_path):
    store = open_store(str(tmp_path))
    store.put("models.yaml", b"models: {a: one}")
    table = TableFile(str(tmp_path / "models.yaml"), Source("base", "nets.yaml")).table
    assert (table.default, table.models[""].source) == ("", Source("base", "nets.yaml"))
    store.put("models.yaml", b"models: {a: one}\ndefault: a")
    table = TableFile(str(tmp_path / "models.yaml"), Source("base")).table
    assert (table.default, list(table.models)) == ("a", ["a"])


def test_without_a_file_there_is_one_model():
    table = TableFile("", Source("base")).table
    assert {name: row.source for name, row in table.models.items()} == {"": Source("base")}
    assert list(table.names(Caller(tenant="shop-a"))) == [""]


def test_a_file_that_is_missing_at_the_start_is_an_error(tmp_path):
    with pytest.raises(GanrayError, match=r"models\.yaml"):
        TableFile(str(tmp_path / "models.yaml"), Source("base"))
