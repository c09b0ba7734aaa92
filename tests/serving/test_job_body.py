"""The body of a job: what it may say, and the configuration of the verb that follows."""

import json
import time

import pytest

from ganray.config import EditConfig, GenerateConfig
from ganray.errors import GanrayError, RequestError
from ganray.serving.job_body import MAX_JOB_BODY, MAX_REQUESTS, JobOptions, JobRequest, Places, check_job, verb_config
from ganray.serving.refusals import Invalid

PLACES = Places("MODEL", "jobs/requests.jsonl", "jobs/out", "photos", "networks.yaml", 1_000_000)
PHOTO = "data:image/png;base64,AAAA"


def edit_job(*requests, **changes):
    return JobRequest.model_validate({"kind": "edit", "requests": requests or [{"id": "a", "image": PHOTO}], "edits": ["white"], **changes})


def test_a_generate_job_is_the_verbs_configuration():
    options = {"seed": 7, "format": "webp", "layout": "parquet", "visible": "AI", "keep": "best:0.30", "truncation": "auto"}
    body = JobRequest(kind="generate", requests=[{"id": "a", "title": None, "count": 3}, {"id": "b"}], options=options)
    checked = check_job(body, False)
    assert (checked.requests, checked.images) == (2, 4)
    assert [json.loads(line) for line in checked.lines.splitlines()] == [{"id": "a", "count": 3}, {"id": "b"}]
    config = GenerateConfig(**verb_config(body, PLACES, "local"))
    assert (config.model, config.requests, config.out, config.executor) == ("MODEL", "jobs/requests.jsonl", "jobs/out", "local")
    assert (config.seed, config.format, config.layout, config.label.visible) == (7, "webp", "parquet", "AI")
    assert (config.keep, config.truncation) == ("best:0.3", "auto")


def test_an_edit_job_is_the_verbs_configuration():
    body = edit_job(edits="cutout,white,conform:amazon-main", options={"failing": "google-main", "strict": True})
    assert check_job(body, False).images == 1
    config = EditConfig(**verb_config(body, PLACES, "auto"))
    assert (config.source, config.networks, config.max_pixels) == ("photos", "networks.yaml", 1_000_000)
    assert json.loads(config.edits) == [{"cutout": {}}, {"white": {}}, {"conform": {"profile": "amazon-main"}}]
    assert (config.failing, config.strict) == ("google-main", True)


def test_every_option_reaches_the_verb_and_none_is_a_place():
    """A new option must be thought of here."""
    assert set(JobOptions.model_fields) == {"seed", "format", "layout", "visible", "keep", "truncation", "failing", "strict"}


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"edits": ["whiten"]}, "whiten"),
        ({"edits": ["white", "cutout"]}, "cannot come after"),
        ({"edits": ["conform:/etc/passwd.yaml"]}, "profile '/etc/passwd.yaml' is unknown"),
        ({"edits": [{"conform": {"profile": "../../secret.yml"}}]}, "profile '../../secret.yml' is unknown"),
        ({"edits": [{"conform": "~/x.yaml"}]}, "profile '~/x.yaml' is unknown"),
        ({"options": {"failing": "/etc/passwd.yaml"}}, "profile '/etc/passwd.yaml' is unknown"),
        ({"edits": []}, "requests.0 has no edits"),
        ({"edits": [{"background": {"picture": "beach"}}]}, "requests.0: edit background: picture 'beach'"),
        ({"requests": [{"id": "a", "image": "hats/1.jpg"}]}, "is not a data: URL"),
        ({"requests": [{"id": "a", "image": PHOTO, "edits": ["conform:/x.yaml"]}]}, "requests.0: profile '/x.yaml'"),
    ],
)
def test_a_chain_or_photo_that_could_never_be(changes, message):
    with pytest.raises(RequestError, match=message):
        check_job(edit_job(**changes), False)


@pytest.mark.parametrize("key", ["../x.jpg", "/etc/passwd", "a/./b.jpg", "a//b.jpg", "s3://other/x.jpg", "http://10.0.0.1/x.jpg", "a\0b"])
def test_a_photo_is_a_key_under_the_source_alone(key):
    check_job(edit_job({"id": "a", "image": "hats/1.jpg"}), True)
    for fields in ({"image": key}, {"image": PHOTO, "pictures": {"beach": key}}):
        with pytest.raises(Invalid):
            check_job(edit_job({"id": "a", **fields}), True)


def test_options_that_contradict_each_other_are_refused_before_the_job():
    with pytest.raises(GanrayError):
        verb_config(edit_job(edits=[]), Places("", "", "out"), "local")


def test_the_largest_body_is_checked_in_seconds():
    requests = [
        {"id": f"SKU-{number}", "image": "p/x.jpg", "edits": ["white", {"conform": "amazon-main"}]} for number in range(MAX_REQUESTS)
    ]
    assert len(json.dumps(requests)) < MAX_JOB_BODY
    started = time.process_time()
    assert check_job(edit_job(*requests), True).images == MAX_REQUESTS
    assert time.process_time() - started < 10


def test_equal_bodies_are_equal_lines():
    first = JobRequest.model_validate_json('{"kind": "generate", "requests": [{"id": "a", "seed": 1}], "model": null}')
    second = JobRequest.model_validate_json('{"requests": [{"seed": 1, "id": "a"}], "kind": "generate", "out": "result"}')
    assert first.canonical() == second.canonical() != first.model_copy(update={"out": "x"}).canonical()
