"""Processors: the instruction sets that decide how fast torch is, and how many cores this process may use."""

from __future__ import annotations

from dataclasses import dataclass

from ganray.doctor.finding import Finding, note, ok, problem

# flag of /proc/cpuinfo -> its name; torch has kernels for these
SETS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_bf16": "avx512_bf16",
    "amx_bf16": "AMX",
    "asimd": "NEON",
    "sve": "SVE",
    "bf16": "bf16",
}
BF16 = ("avx512_bf16", "amx_bf16")  # those that training/precision.py asks torch for


@dataclass(frozen=True)
class Processors:
    """The kind of the processors, how many the machine has, and the instruction sets of SETS that they have."""

    model: str
    num: int
    sets: tuple[str, ...]
    arm: bool = False


def parse_cpuinfo(text: str) -> Processors:
    """/proc/cpuinfo of x86 or ARM; what is missing there is empty."""
    fields: dict[str, str] = {}
    num = 0
    for line in text.splitlines():
        name, _, value = (part.strip() for part in line.partition(":"))
        num += name == "processor"
        fields.setdefault(name, value)
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    return Processors(fields.get("model name", ""), num, tuple(flag for flag in SETS if flag in flags), "Features" in fields)


def processor_findings(processors: Processors, cores: int) -> list[Finding]:
    """The line of the processors; `cores` are those that this process may use."""
    of = f"{cores} of {processors.num} cores" if processors.num > cores else f"{cores} core{'s' if cores > 1 else ''}"
    limited = " (affinity or the container's quota)" if processors.num > cores else ""
    what = ", ".join(SETS[name] for name in processors.sets) or "no vector instructions that torch has kernels for"
    text = f"{of}{limited} of {processors.model or 'an unnamed processor'}; {what}"
    if not processors.num:
        return [note("processors", "/proc/cpuinfo cannot be read: instruction sets are not known")]
    if not processors.arm and "avx2" not in processors.sets:
        return [
            problem("processors", f"{text}: torch is several times slower without AVX2", "Use a machine, or a VM's CPU type, with AVX2")
        ]
    bf16 = "bf16 in hardware" if set(BF16) & set(processors.sets) else "float32 (no bf16 instructions)"
    return [ok("processors", f"{text}; networks on the CPU compute in {bf16}")]
