"""The plan table of ganray/execution/gpus.py: what is asked, what is there, what happens, what is said."""

import pytest

from ganray.errors import ClusterError
from ganray.execution.gpus import (
    KIND,
    GpuDemand,
    announce_cpus_alone,
    announce_gpus,
    announce_gpus_of_kind,
    plan_gpus,
    workers_on_gpus,
)
from ganray.execution.port import Node, Resources
from ganray.execution.resources import use_gpu


def cluster(*gpus, grows=False, joined=True, kinds=()):
    """Nodes of 16 CPUs, each with so many GPUs, of a kind each."""
    names = kinds or [""] * len(gpus)
    nodes = tuple(Node(16, num, {KIND: kind} if kind else {}) for num, kind in zip(gpus, names, strict=True))
    return Resources(16.0 * len(nodes), sum(gpus), 16, joined=joined, grows=lambda: grows, nodes=nodes)


def training(wanted, num):
    return GpuDemand("train", wanted, num, "workers", together=True)


LAPTOP, BOX = Resources(5, 0, 4), Resources(17, 2, 16, nodes=(Node(17, 2),))
TABLE = [
    # asked, there, GPUs?, said
    (training(None, 1), cluster(1), True, ""),
    (training(None, 4), cluster(4), True, ""),
    (training(True, 8), cluster(8), True, ""),
    (training(False, 1), cluster(8), False, ""),
    (training(False, 1), LAPTOP, False, ""),
    (training(None, 4), LAPTOP, False, ""),
    (training(None, 4), cluster(0), False, ""),
    (training(None, 4), cluster(2), False, "train: 2 GPUs there, too few for 4 workers: all of it runs on CPUs; use --workers 2"),
    (training(None, 4), BOX, False, "train: 2 GPUs there, too few for 4 workers: all of it runs on CPUs; use --workers 2"),
    (
        training(None, 4),
        cluster(1, grows=True, kinds=["L4"]),
        False,
        "train: 1 GPU (L4) there, too few for 4 workers: all of it runs on CPUs; use --workers 1, or --gpu to wait for more",
    ),
    (
        training(None, 1),
        cluster(0, grows=True),
        False,
        "train: no GPU is there now: all of it runs on CPUs; --gpu asks the cluster's autoscaler for GPUs",
    ),
    (training(True, 4), cluster(1, grows=True), True, "train: 1 of 4 GPUs are there now: the autoscaler is asked for the others"),
    (training(None, 4), cluster(2, 2), True, "train: 4 workers on GPUs of 2 nodes: their gradients go over the network"),
    (training(True, 8), cluster(4, 1, 4), True, "train: 8 workers on GPUs of 2 nodes: their gradients go over the network"),
    (
        training(None, 2),
        cluster(2, 1, kinds=["L4", "A10G"]),
        True,
        "train: GPUs of several kinds are there (2 L4, 1 A10G): a step takes as long as on the slowest",
    ),
    (GpuDemand("generate", None, 4, "engines", 0.25), cluster(1), True, ""),
    (
        GpuDemand("generate", None, 3, "engines", 0.6),  # no share lies on two GPUs
        cluster(2),
        False,
        "generate: 2 GPUs there, too few for 3 engines: all of it runs on CPUs; use --engines 2",
    ),
    (
        GpuDemand("serve", None, 2, "replicas"),
        cluster(1),
        False,
        "serve: 1 GPU there, too few for 2 replicas: all of it runs on CPUs; use --replicas 1",
    ),
    (GpuDemand("evaluate", None), cluster(1), True, ""),
    (
        GpuDemand("evaluate", None),
        cluster(0, grows=True),
        False,
        "evaluate: no GPU is there now: all of it runs on CPUs; --gpu asks the cluster's autoscaler for GPUs",
    ),
]


@pytest.mark.parametrize(("demand", "there", "use", "said"), TABLE)
def test_the_plan_and_what_is_said(demand, there, use, said, capsys):
    plan = plan_gpus(demand, there)
    assert (plan.use, plan.said) == (use, said)
    assert announce_gpus(demand, there) == use
    assert capsys.readouterr().err == (f"{said}\n" if said else "")


@pytest.mark.parametrize(
    ("demand", "there", "said"),
    [
        (training(True, 4), cluster(2), r"gpu: 4 GPU\(s\) asked for, the cluster has 2.*Use --workers 2, --no-gpu, or a cluster with more"),
        (training(True, 4), cluster(0), r"gpu: 4 GPU\(s\) asked for, the cluster has 0.*Use --no-gpu, or a cluster with GPUs"),
        (GpuDemand("evaluate", True), LAPTOP, r"gpu: 1 GPU\(s\) asked for, the cluster has 0"),
        (GpuDemand("generate", True, 3, "engines", 0.5), cluster(1), r"gpu: 1.5 GPU\(s\) asked for, the cluster has 1.*--engines 2"),
    ],
)
def test_gpus_that_are_asked_for_and_absent_are_one_line(demand, there, said):
    with pytest.raises(ClusterError, match=said):
        plan_gpus(demand, there)


def test_an_autoscaler_is_asked_about_only_where_gpus_are_too_few():
    """Its answer can take seconds."""

    def asked():
        raise AssertionError("asked")

    plenty = Resources(16, 4, 16, joined=True, grows=asked, nodes=(Node(16, 4),))
    assert plan_gpus(training(None, 4), plenty).use
    assert not plan_gpus(training(False, 8), plenty).use


@pytest.mark.parametrize(("gpus", "share", "fitting"), [(1, 1 / 3, 3), (2, 0.4, 4), (1, 0.1, 10), (0.5, 0.25, 2), (3, 1, 3), (0, 0.5, 0)])
def test_shares_have_room_on_whole_gpus(gpus, share, fitting):
    assert workers_on_gpus(cluster(gpus), share) == fitting
    assert workers_on_gpus(Resources(4, gpus, 4), share) == fitting  # one machine, whose nodes nobody lists


def test_training_says_it_once_through_the_resources(capsys):
    assert not use_gpu(None, cluster(2), 4)
    assert capsys.readouterr().err.count("train: 2 GPUs there, too few for 4 workers") == 1


ENGINES = GpuDemand("generate", None, 1)


def test_pictures_are_drawn_on_one_kind(capsys):
    """Engines on two kinds would draw other bits."""
    mixed = cluster(2, 4, 0, kinds=["A10G", "L4", ""])
    assert announce_gpus_of_kind(ENGINES, mixed, {}) == (True, {KIND: "L4"})
    said = capsys.readouterr().err
    assert said == "generate: GPUs of several kinds are there (4 L4, 2 A10G): L4 alone is used, as pictures differ by kind\n"


@pytest.mark.parametrize(
    ("drawn_by", "kind"),
    [
        ("NVIDIA A10G (8.6) torch 2.13.0 cudnn 92000 tf32", "A10G"),
        ("NVIDIA L40S (8.9) torch 2.13.0 cudnn 92000 tf32", "L4"),  # no word of it is L4: it is the one with the most
        ("cpu", "L4"),
    ],
)
def test_a_job_goes_on_on_the_kind_that_it_began_on(drawn_by, kind):
    assert announce_gpus_of_kind(ENGINES, cluster(2, 4, kinds=["A10G", "L4"]), {}, drawn_by) == (True, {KIND: kind})


def test_a_kind_that_labels_name_is_kept_and_one_kind_needs_no_label():
    mixed = cluster(2, 4, kinds=["A10G", "L4"])
    assert announce_gpus_of_kind(ENGINES, mixed, {KIND: "A10G"}) == (True, {KIND: "A10G"})
    assert announce_gpus_of_kind(ENGINES, cluster(2, 1, kinds=["L4", "L4"]), {}) == (True, {})
    assert announce_gpus_of_kind(ENGINES, cluster(2, 1), {}) == (True, {})


def test_engines_that_run_on_cpus_go_to_every_node(capsys):
    """The label of a kind would keep them from the others."""
    mixed = cluster(2, 1, kinds=["A10G", "L4"])
    assert announce_gpus_of_kind(GpuDemand("generate", None, 3, "engines"), mixed, {}) == (False, {})
    assert "2 GPUs (A10G) there, too few for 3 engines" in capsys.readouterr().err
    assert announce_gpus_of_kind(GpuDemand("generate", False, 1), mixed, {}) == (False, {})
    assert capsys.readouterr().err == ""


def test_edits_say_that_they_leave_gpus_alone(capsys):
    announce_cpus_alone("edit", LAPTOP)
    assert capsys.readouterr().err == ""
    announce_cpus_alone("edit", cluster(2, kinds=["L4"]))
    assert capsys.readouterr().err == "edit: runs on CPUs alone, so that its results do not depend on GPUs; 2 GPUs (L4) there\n"
