from pathlib import Path

import pytest

from ganray.doctor.finding import State
from ganray.doctor.processors import parse_cpuinfo, processor_findings

SAPPHIRE = """\
processor	: 0
vendor_id	: GenuineIntel
model name	: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
flags		: fpu vme sse2 avx f16c fma avx2 bmi2 avx512f avx512dq avx512bw avx512vl avx512_bf16 amx_bf16 avx512_fp16 amx_tile amx_int8
power management:

processor	: 1
model name	: Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz
flags		: fpu
"""
MILAN = "processor\t: 0\nmodel name\t: AMD EPYC 7B13\nflags\t\t: fpu sse2 avx f16c fma avx2 bmi2\n"
OLD = "processor\t: 0\nmodel name\t: QEMU Virtual CPU version 2.5+\nflags\t\t: fpu sse2 ssse3 sse4_1\n"
GRAVITON = "processor\t: 0\nBogoMIPS\t: 2100.00\nFeatures\t: fp asimd evtstrm aes sve asimddp bf16 i8mm\nCPU part\t: 0xd40\n"


@pytest.mark.parametrize(
    ("text", "cores", "state", "words"),
    [
        (
            SAPPHIRE,
            1,
            State.OK,
            ["1 of 2 cores (affinity or the container's quota)", "AVX2, AVX-512, avx512_bf16, AMX", "bf16 in hardware"],
        ),
        (SAPPHIRE, 2, State.OK, ["2 cores of Intel(R) Xeon(R) Platinum 8481C"]),
        (MILAN, 1, State.OK, ["1 core of AMD EPYC 7B13; AVX2;", "float32 (no bf16 instructions)"]),
        (OLD, 1, State.PROBLEM, ["without AVX2"]),
        (GRAVITON, 1, State.OK, ["an unnamed processor; NEON, SVE, bf16"]),
        ("", 1, State.NOTE, ["cannot be read"]),
        ("\0 : :\n:::", 1, State.NOTE, ["cannot be read"]),
    ],
)
def test_instruction_sets_are_named(text, cores, state, words):
    (finding,) = processor_findings(parse_cpuinfo(text), cores)
    assert finding.state is state
    assert all(word in finding.text for word in words), finding.text


def test_this_machine_is_read():
    assert parse_cpuinfo(Path("/proc/cpuinfo").read_text()).num >= 1
