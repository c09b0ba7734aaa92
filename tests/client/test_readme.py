"""The examples of the client's README run, against the real app."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "ganray" / "client" / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(), re.S)


def run(example, url):
    assert "http://127.0.0.1:8000" in example
    names = {}
    exec(compile(example.replace("http://127.0.0.1:8000", url).replace('"..."', '""'), str(README), "exec"), names)
    return names


def test_pictures_edits_and_checks(server, seller_photos, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("hat.jpg").write_bytes(seller_photos["mugs/red ü.jpg"])
    names = run(EXAMPLES[0], server[1])
    assert names["mug"].seed == 7 and names["mug"].attributes == {"category": "mug", "colour": "red"}
    error, facts = capsys.readouterr().out.splitlines()
    assert error.startswith("request ") and "mauve" in error and facts.startswith("7 ")
    assert names["report"].findings


def test_jobs(job_server, tmp_path, monkeypatch, capsys):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    run(EXAMPLES[1], job_server[2])
    assert capsys.readouterr().out.splitlines()[-1] == "1 of all jobs have ended"
    assert sorted(path.name for path in Path().iterdir()) == ["SKU-1-0.png", *(f"SKU-2-{number}.png" for number in range(4))]


def test_there_are_two():
    assert len(EXAMPLES) == 2
