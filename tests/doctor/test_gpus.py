"""Driver, GPUs and torch that do not fit, by what real machines answer: each is said with its remedy."""

from dataclasses import replace

import pytest

from ganray.doctor.cards import interpret
from ganray.doctor.finding import State
from ganray.doctor.gpus import gpu_findings, supported
from ganray.doctor.programs import ProgramOutput
from ganray.doctor.torch_build import TorchBuild
from tests.tools import gpu_samples as samples
from tests.tools.gpu_samples import CPU_TORCH, CU126, CU130, answered


def lines(found, torch):
    """The lines as `STATE name: text -> remedy`, those that are fine too."""
    return [f"{each.state.word} {each.name}: {each.text} -> {each.remedy}" for each in gpu_findings(found, torch)]


def wrong(found, torch):
    findings = [each for each in gpu_findings(found, torch) if each.state is not State.OK]
    assert all(each.remedy for each in findings if each.state is State.PROBLEM)
    return {each.name: f"{each.state.word}: {each.text} -> {each.remedy}" for each in findings}


def test_a_machine_that_is_right_has_nothing_to_mend():
    text = "\n".join(lines(answered(samples.H100), CU130))
    assert not wrong(answered(samples.H100), CU130)
    assert "driver: 580.65.06, torch's CUDA 13.0 needs 580" in text
    assert "GPUs: 1 x NVIDIA H100 80GB HBM3 (79.6 GiB, sm_90)" in text and "NCCL: 2.29.7" in text
    assert not wrong(answered(samples.GB10), CU130)


def test_a_machine_without_a_gpu_is_right_with_a_torch_for_cpus():
    assert lines(interpret(None, "", 0, ""), CPU_TORCH) == ["ok torch: 2.13.0+cpu, for CPUs; no GPU here -> "]


def test_a_torch_for_cuda_without_a_gpu_is_told():
    assert "no GPU here: it computes on the CPU" in wrong(interpret(None, "", 0, ""), replace(CU130, sees=0))["torch"]


def test_a_gpu_without_a_driver():
    found = wrong(interpret(None, "", 2, ""), replace(CU130, sees=0))
    assert "PROBLEM: 2 GPU(s) of NVIDIA on the bus, and no driver -> Install a driver of 580 or later" in found["driver"]
    assert "nvidia-container-toolkit" in found["driver"]


def test_a_container_with_the_module_and_without_the_program():
    assert "note: 535.183.01 by the kernel, but there is no nvidia-smi" in wrong(interpret(None, "", 1, samples.MODULE), CU130)["driver"]


def test_a_driver_that_is_too_old_for_the_torch():
    torch = replace(CU130, sees=0, warning="CUDA initialization: The NVIDIA driver on your system is too old (found version 12020).")
    found = wrong(answered(samples.TWO_L4_535), torch)
    assert found.keys() == {"driver"}, "one cause, one line"
    assert found["driver"].startswith("PROBLEM: 535.183.01 is too old for torch 2.13.0+cu130: CUDA 13.0 needs 580 or later")
    assert "or torch for CUDA 12: pip install torch --index-url https://download.pytorch.org/whl/cu126" in found["driver"]
    assert not wrong(answered(samples.TWO_L4_535), replace(CU126, sees=2))


def test_an_old_driver_that_torch_works_with_all_the_same():
    found = wrong(answered(samples.TWO_L4_535), replace(CU130, sees=2))
    assert "note" in found["driver"] and "compatibility package" in found["driver"]


def test_a_gpu_with_a_torch_for_cpus():
    assert "PROBLEM: 2.13.0+cpu is built for CPUs, and there are GPUs" in wrong(answered(samples.H100), CPU_TORCH)["torch"]


def test_a_volta_and_cuda_13():
    found = wrong(answered(samples.V100), CU130)
    assert "no code for Tesla V100-SXM2-16GB (sm_70): CUDA 13 begins with sm_75" in found["GPU code"] and "cu126" in found["GPU code"]
    assert "note: Tesla V100-SXM2-16GB computes no bf16" in found["bf16"]
    assert wrong(answered(samples.V100), CU126).keys() == {"bf16"}


def test_a_turing_computes_no_bf16():
    assert wrong(answered(samples.T4), CU130).keys() == {"bf16"}


@pytest.mark.parametrize(
    ("capability", "archs", "cuda", "expected"),
    [
        ((8, 9), ("sm_80", "sm_86"), "13.0", True),  # within a major version code runs on later minor ones
        ((8, 0), ("sm_86",), "13.0", False),
        ((12, 1), ("sm_90",), "13.0", False),
        ((12, 1), ("sm_90", "compute_90"), "13.0", True),  # PTX is compiled by the driver
        ((9, 0), ("sm_90a",), "13.0", True),
        ((7, 0), (), "13.0", False),
        ((7, 0), (), "12.6", True),
        ((7, 0), (), "99.0", True),
    ],
)
def test_code_for_a_gpu(capability, archs, cuda, expected):
    assert supported(capability, TorchBuild("2", cuda, archs)) is expected


def test_a_gpu_that_is_newer_than_the_torch():
    found = wrong(answered(samples.GB10), replace(CU130, archs=("sm_80", "sm_90")))
    assert "no code for NVIDIA GB10 (sm_121) -> Install a newer torch" in found["GPU code"]


def test_cards_that_are_not_alike_are_told():
    found = wrong(answered(samples.UNLIKE), replace(CU130, sees=2))
    assert "1 x NVIDIA L4 (22.5 GiB, sm_89); 1 x NVIDIA A10G (22.5 GiB, sm_86): not alike" in found["GPUs"]


def test_mig_is_told():
    found = wrong(answered(samples.A100_MIG, samples.MIG_LISTING), CU130)
    assert "note: on for GPU 0, 2 instance(s)" in found["MIG"] and found["GPUs in use"].startswith("note: torch sees 1 of 2")
    assert "PROBLEM: on for GPU 0, without an instance" in wrong(answered(samples.A100_MIG), CU130)["MIG"]


@pytest.mark.parametrize(
    ("code", "text", "words"),
    [
        (18, samples.MISMATCH, "Driver/library version mismatch NVML library version: 535.183 -> The driver was updated"),
        (9, samples.NO_MODULE, "modprobe nvidia"),
        (15, samples.LOST, "Xid 79"),
        (255, "Failed to initialize NVML: Unknown Error\n", "start the container again"),
        (6, "No devices were found\n", "NVRM and Xid"),
        (1, "what never was seen before", "Run nvidia-smi by hand"),
        (1, "", "it says nothing"),
        (0, "hello", "answers what is no table of GPUs: 'hello'"),
        (None, "", "does not answer: the driver or a GPU hangs"),
    ],
)
def test_a_driver_that_fails_is_one_problem(code, text, words):
    found = wrong(interpret(ProgramOutput(code, text), "", 1, ""), replace(CU130, sees=0))
    assert found.keys() == {"driver"}
    assert found["driver"].startswith("PROBLEM") and words in found["driver"]


def test_gpus_that_torch_does_not_see():
    blind = replace(CU130, sees=0, warning="CUDA initialization: Unexpected error from cudaGetDeviceCount()\nmore")
    assert "PROBLEM: torch sees 0 of 1: CUDA initialization: Unexpected error" in wrong(answered(samples.H100), blind)["GPUs in use"]
    assert "note: torch sees 0 of 1: CUDA_VISIBLE_DEVICES is ''" in wrong(answered(samples.H100), replace(blind, visible=""))["GPUs in use"]
    assert not wrong(answered(samples.H100), replace(CU130, sees=None))


def test_a_torch_that_cannot_be_loaded():
    error = "ImportError: libcudart.so.13: cannot open shared object file: No such file or directory"
    assert error in wrong(answered(samples.H100), TorchBuild(error=error))["torch"]


def test_several_gpus_without_nccl():
    rows = samples.H100 + samples.H100.replace("0,", "1,", 1)
    assert "PROBLEM" in wrong(answered(rows), replace(CU130, nccl="", sees=2))["NCCL"]
