"""The routes of /v1/jobs, over a real store; jobs that end are run by their real process."""

import json

import pytest

from ganray.config import ServeConfig
from ganray.engine import Engine
from ganray.images.provenance import read_label
from ganray.output.sample_file import SampleFile, encode_sample
from ganray.requests import GenerateRequest
from ganray.serving.access import CHARGE
from ganray.serving.job_process import main
from ganray.serving.job_store import folder_of
from ganray.serving.jobs import MAX_OPEN, Jobs
from ganray.serving.refusals import RateLimited
from ganray.serving.webhook_targets import TargetRules
from ganray.serving.webhooks import Webhooks
from tests.tools.models import ATTRIBUTES, save_untrained_model
from tests.tools.served_jobs import HeldRunner, ask

BODY = {"kind": "generate", "requests": [{"id": "a", "seed": 7}, {"id": "b", "count": 2}]}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_untrained_model(str(tmp_path_factory.mktemp("model")), ATTRIBUTES, 8)


@pytest.fixture
def jobs(tmp_path, model):
    config = ServeConfig(model=model, jobs=str(tmp_path / "jobs"))
    return Jobs(
        config, HeldRunner(), webhooks=Webhooks([b"k" * 24], TargetRules(resolve=lambda *_, **__: [(0, 0, 0, "", ("10.0.0.1", 443))]))
    )


def post(jobs, body=BODY, **options):
    return ask(jobs, "POST", "/v1/jobs", json=body, **options)


def run(jobs, id, tenant="shop-a"):
    """Run a job in this process, as its own process would; the exit code of its verb."""
    jobs.keeper.look()
    return main([jobs.store.url, folder_of(tenant), id])


@pytest.fixture(scope="module")
def finished(tmp_path_factory, model):
    """(jobs, id) of a job that has made its images."""
    config = ServeConfig(model=model, jobs=str(tmp_path_factory.mktemp("jobs")))
    jobs = Jobs(config, HeldRunner(), webhooks=Webhooks([]))
    id = post(jobs).json()["id"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("signal.signal", lambda *_: None)
        assert run(jobs, id) == 0
    return jobs, id


def test_a_job_is_accepted_and_described(jobs):
    reply = post(jobs)
    assert reply.status_code == 202
    described = reply.json()
    assert reply.headers["location"] == f"/v1/jobs/{described['id']}"
    assert (described["state"], described["done"], described["total"]) == ("queued", 0, 3)
    assert described["out"] == f"shop-a/{described['id']}/result"
    assert ask(jobs, "GET", reply.headers["location"]).json() == described


def test_a_job_has_the_images_of_the_same_requests_over_http(finished, model):
    jobs, id = finished
    described = ask(jobs, "GET", f"/v1/jobs/{id}").json()
    assert (described["state"], described["done"], described["total"]) == ("succeeded", 3, 3)
    assert described["counts"] == {"images": 3, "quarantined": 0}
    page = ask(jobs, "GET", f"/v1/jobs/{id}/results").json()
    assert [(row["id"], row["index"]) for row in page["results"]] == [("a", 0), ("b", 0), ("b", 1)]
    assert (page["next"], page["complete"]) == (None, True)
    reply = ask(jobs, "GET", page["results"][0]["href"])
    engine = Engine.load(model, "cpu", threads=1)
    (sample,) = engine.generate([GenerateRequest(id="a", seed=7)])
    assert reply.content == encode_sample(sample.pixels, SampleFile("a", 0, 7, "png", engine.info.digest))
    assert reply.headers["content-type"] == "image/png"
    assert read_label(reply.content)["ganray:RequestID"] == "a-0"
    again = ask(jobs, "GET", page["results"][0]["href"], headers={"If-None-Match": reply.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_job_is_charged_once_whatever_its_key_repeats(jobs):
    """A job that was refused is begun by the same Idempotency-Key on the next day."""
    charged, refuse = [], [True]

    class Charging:
        def __init__(self, app):
            self._app = app

        async def __call__(self, scope, receive, send):
            async def charge(cost):
                charged.append(cost)
                if refuse[0]:
                    raise RateLimited("no more today", "Wait", 60.0)

            scope.setdefault("state", {})[CHARGE] = charge
            await self._app(scope, receive, send)

    def post_with_key():
        return ask(jobs, "POST", "/v1/jobs", json=BODY, headers={"Idempotency-Key": "k"}, around=Charging)

    assert post_with_key().status_code == 429 and not ask(jobs, "GET", "/v1/jobs").json()["jobs"]
    refuse[0] = False
    first, second = post_with_key(), post_with_key()
    assert (first.status_code, second.status_code) == (202, 202) and first.json()["id"] == second.json()["id"]
    assert charged == [3.0, 3.0]


def test_results_come_a_page_at_a_time(finished):
    jobs, id = finished
    first = ask(jobs, "GET", f"/v1/jobs/{id}/results?limit=2").json()
    second = ask(jobs, "GET", f"/v1/jobs/{id}/results?limit=2&offset={first['next']}").json()
    assert [len(first["results"]), len(second["results"]), second["next"]] == [2, 1, None]
    assert ask(jobs, "GET", f"/v1/jobs/{id}/results?quarantined=true").json()["results"] == []


def test_nothing_of_the_server_is_told(finished):
    jobs, id = finished
    for path in ("/v1/jobs", f"/v1/jobs/{id}", f"/v1/jobs/{id}/results"):
        assert jobs.store.url not in ask(jobs, "GET", path).text


@pytest.mark.parametrize(
    "name", ["../job.json", "..%2f..%2fx.png", "00000/../../x.png", "%2fetc%2fpasswd.png", "job.json", "00000/x.png", "a/b/c.png"]
)
def test_a_name_that_is_no_result_is_404(finished, name):
    jobs, id = finished
    assert ask(jobs, "GET", f"/v1/jobs/{id}/results/{name}").status_code == 404


def test_another_tenant_sees_nothing(finished):
    jobs, id = finished
    name = ask(jobs, "GET", f"/v1/jobs/{id}/results").json()["results"][0]["name"]
    for tenant in ("shop-b", "", "..", "shop-a/"):
        assert ask(jobs, "GET", "/v1/jobs", tenant).json() == {"jobs": [], "next": None}
        for method, path in (("GET", ""), ("GET", "/results"), ("GET", f"/results/{name}"), ("POST", "/cancel")):
            reply = ask(jobs, method, f"/v1/jobs/{id}{path}", tenant)
            assert (reply.status_code, reply.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize("id", ["x", "..", "00000000000-00000000000g", "0" * 500])
def test_an_id_that_is_none_is_404(jobs, id):
    assert ask(jobs, "GET", f"/v1/jobs/{id}").status_code == 404


def test_jobs_are_listed_newest_first(jobs):
    import time

    ids = []
    for _ in range(3):
        ids.append(post(jobs).json()["id"])
        time.sleep(0.002)
    first = ask(jobs, "GET", "/v1/jobs?limit=2").json()
    assert [job["id"] for job in first["jobs"]] == ids[:0:-1]
    second = ask(jobs, "GET", f"/v1/jobs?limit=2&after={first['next']}").json()
    assert [[job["id"] for job in second["jobs"]], second["next"]] == [ids[:1], None]


def test_an_idempotency_key_means_one_job(jobs):
    first, second = (post(jobs, headers={"Idempotency-Key": "k-1"}).json() for _ in range(2))
    assert first == second
    assert post(jobs, headers={"Idempotency-Key": "k-2"}).json()["id"] != first["id"]
    assert post(jobs, headers={"Idempotency-Key": "k-1"}, tenant="shop-b").json()["id"] != first["id"]
    reply = post(jobs, {**BODY, "out": "other"}, headers={"Idempotency-Key": "k-1"})
    assert (reply.status_code, reply.json()["error"]) == (409, "conflict")
    assert post(jobs, headers={"Idempotency-Key": "a b"}).status_code == 422


def test_a_cancelled_job_stays_cancelled(jobs):
    id = post(jobs).json()["id"]
    first, second = (ask(jobs, "POST", f"/v1/jobs/{id}/cancel").json() for _ in range(2))
    assert first == second and first["state"] == "cancelled"
    assert run(jobs, id) == 0  # its process finds that it is cancelled
    assert ask(jobs, "GET", f"/v1/jobs/{id}").json()["state"] == "cancelled"
    assert list(jobs.store.store.list("shop-a")) == []


def test_a_job_that_has_ended_is_not_cancelled(finished):
    jobs, id = finished
    assert ask(jobs, "POST", f"/v1/jobs/{id}/cancel").json()["state"] == "succeeded"


def test_too_many_jobs_are_refused(jobs):
    for number in range(MAX_OPEN):
        jobs.store.store.put(f"_open/shop-a/{number:011x}-000000000000.json", b"{}")
    reply = post(jobs)
    assert (reply.status_code, reply.json()["error"], reply.headers["retry-after"]) == (429, "rate_limited", "60")
    assert post(jobs, tenant="shop-b").status_code == 202


@pytest.mark.parametrize(
    "changes, status, message",
    [
        ({"requests": []}, 422, "either requests or requests_key"),
        ({"requests_key": "a.csv"}, 422, "either requests or requests_key"),
        ({"requests": [{"seed": 1}]}, 422, "requests.0: the request has no id"),
        ({"requests": [{"id": "a"}, {"id": "a"}]}, 422, "requests.1: duplicate request id"),
        ({"requests": [{"id": "a", "colour": "red"}]}, 422, "requests.0.colour: no such field"),
        ({"requests": [{"id": "a", "segment": "x"}]}, 422, "no policy"),
        ({"requests": [{"id": str(k), "count": 10000} for k in range(101)]}, 422, "over 1,000,000"),
        ({"requests": [{"id": "a"}] * 10001}, 422, "requests"),
        ({"kind": "train"}, 422, "kind"),
        ({"model": "other"}, 404, "not served here"),
        ({"edits": ["white"]}, 422, "edits is for edit jobs"),
        ({"options": {"strict": True}}, 422, "strict is for edit jobs"),
        ({"kind": "edit", "requests_key": "a.csv", "requests": [], "options": {"keep": "best:0.5"}}, 422, "keep is for generate jobs"),
        ({"options": {"keep": "best:2"}}, 400, "keep = 'best:2' is no choice"),
        ({"options": {"executor": "ray"}}, 422, "options.executor: no such field"),
        ({"options": {"gate": {"extractor": "http://x"}}}, 422, "options.gate: no such field"),
        ({"out": "../x"}, 422, "out"),
        ({"out": "/etc"}, 422, "out"),
        ({"out": "a//b"}, 422, "out"),
        ({"out": "s3://other/x"}, 422, "out"),
        ({"out": "a\\..\\b"}, 422, "out"),
        ({"requests": [], "requests_key": "../shop-b/tables/x.csv"}, 422, "requests_key"),
        ({"requests": [], "requests_key": "x.exe"}, 422, "names no table"),
        ({"requests": [], "requests_key": "x.csv"}, 400, "not among the tables"),
        ({"webhook": "http://shop.example/hook"}, 422, "no public address"),
        ({"webhook": "https://internal.example/hook"}, 422, "no public address"),
    ],
)
def test_what_cannot_be_a_job_is_refused(jobs, changes, status, message):
    reply = post(jobs, {**BODY, **changes})
    assert (reply.status_code, message in reply.json()["message"]) == (status, True), reply.text
    assert ask(jobs, "GET", "/v1/jobs").json()["jobs"] == []


def test_a_table_of_the_tenant_is_read(jobs):
    jobs.store.store.put("shop-a/tables/spring/mugs.csv", b"id,category\nSKU-1,mug\nSKU-2,cap\n")
    body = {"kind": "generate", "requests_key": "spring/mugs.csv", "out": "spring/mugs", "options": {"layout": "parquet", "format": "webp"}}
    assert post(jobs, body, tenant="shop-b").status_code == 400
    id = post(jobs, body).json()["id"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("signal.signal", lambda *_: None)
        assert run(jobs, id) == 0
    page = ask(jobs, "GET", f"/v1/jobs/{id}/results").json()
    assert [row["attributes"]["category"] for row in page["results"]] == ["mug", "cap"]
    reply = ask(jobs, "GET", page["results"][1]["href"])
    assert reply.headers["content-type"] == "image/webp"
    assert read_label(reply.content)["ganray:RequestID"] == "SKU-2-0"


def test_the_document_describes_the_routes(jobs):
    from tests.tools.served_jobs import app_with

    paths = app_with(jobs).openapi()["paths"]
    assert sorted(paths) == [f"/v1/jobs{end}" for end in ("", "/{id}", "/{id}/cancel", "/{id}/results", "/{id}/results/{name}")]
    example = paths["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert post(jobs, json.loads(json.dumps(example))).status_code == 202
