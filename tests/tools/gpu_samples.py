"""What nvidia-smi and torch really answer, on machines that are not here."""

from ganray.doctor.cards import interpret
from ganray.doctor.programs import ProgramOutput
from ganray.doctor.torch_build import TorchBuild

H100 = "0, NVIDIA H100 80GB HBM3, 81559, 580.65.06, 9.0, Disabled\n"
TWO_L4_535 = "0, NVIDIA L4, 23034, 535.183.01, 8.9, [N/A]\n1, NVIDIA L4, 23034, 535.183.01, 8.9, [N/A]\n"
UNLIKE = "0, NVIDIA L4, 23034, 580.65.06, 8.9, [N/A]\n1, NVIDIA A10G, 23028, 580.65.06, 8.6, [N/A]\n"
V100 = "0, Tesla V100-SXM2-16GB, 16384, 580.65.06, 7.0, [N/A]\n"
T4 = "0, Tesla T4, 15360, 580.65.06, 7.5, [N/A]\n"
GB10 = "0, NVIDIA GB10, [N/A], 580.95.05, 12.1, [N/A]\n"
A100_MIG = "0, NVIDIA A100-SXM4-40GB, 40960, 580.65.06, 8.0, Enabled\n"
MIG_LISTING = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
  MIG 3g.20gb     Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 3g.20gb     Device  1: (UUID: MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb)
"""
MISMATCH = "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 535.183\n"
NO_MODULE = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed "
    "and running.\n\n"
)
LOST = "Unable to determine the device handle for GPU0000:3B:00.0: GPU is lost.  Reboot the system to recover this GPU\n"
OLD_DRIVER = 'Field "compute_cap" is not a valid field to query.\n\n'
MODULE = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\nGCC version:  gcc version 12.2.0\n"
OPEN_MODULE = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs-builder@U22-I3)  Sun Jul 27 07:19:00\n"
)

CPU_TORCH = TorchBuild("2.13.0+cpu")
CU130 = TorchBuild(
    "2.13.0+cu130", "13.0", ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_110", "sm_120", "compute_120"), "2.29.7", sees=1
)
CU126 = TorchBuild("2.13.0+cu126", "12.6", ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"), "2.29.7", sees=1)


def answered(rows: str, listing: str = "", code: int = 0):
    """The cards of a machine whose nvidia-smi prints these rows."""
    return interpret(ProgramOutput(code, rows), listing, rows.count("\n"), "")
