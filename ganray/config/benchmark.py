"""The verb `benchmark`."""

from __future__ import annotations

from typing import Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator, model_validator
from pydantic_settings import CliPositionalArg

from ganray.benchmark_table import ALL, BENCHMARKS, names
from ganray.config.base import RayConfig, Section
from ganray.errors import ConfigError


class BenchmarkConfig(Section):
    """Options of the verb `benchmark`."""

    name: CliPositionalArg[str] = Field(
        ALL,
        description=f"which benchmark to run: {', '.join(names(long=False))}; all = every one of these; or one of the long ones: "
        f"{', '.join(names(long=True))}",
    )
    store: str = Field("", description="exactly-once: s3://BUCKET/PREFIX of a server on this machine, at AWS_ENDPOINT_URL")
    editor: str = Field("out/model", description="of edits: URL of the editor, or of a model folder that has one")
    networks: str = Field("", description="own-networks: URL of a YAML file of networks to measure too, e.g. of an ISNet")
    photos: str = Field("", description="of edits: URL of a prefix of photos that the editor has not learned from")
    cutouts: str = Field("", description="of edits: URL of a prefix of cut-outs with alpha that the editor has not learned from")
    repeats: PositiveInt = Field(3, description="alternating repeats of both sides; the median counts")
    images: NonNegativeInt = Field(0, description="size of the work; 0 = the benchmark's own default")
    seconds: PositiveFloat = Field(5.0, description="length of one timed side where time decides")
    catalogs: tuple[str, ...] = Field((), description="quality, samples: URLs of catalogs to train on beside the sample catalog")
    seeds: PositiveInt = Field(3, description="quality, samples: runs of each model on each catalog; titles: runs")
    minutes: PositiveFloat = Field(3.0, description="quality, samples: CPU time of each training run, on one thread")
    json_lines: bool = Field(False, alias="json", description="print one JSON object a line and nothing else")
    ray: RayConfig = Field(RayConfig(), description="where the work runs")

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if value not in (ALL, *BENCHMARKS):
            raise ValueError(f"must be one of {', '.join((ALL, *BENCHMARKS))}")
        return value

    @model_validator(mode="after")
    def _check_needs(self) -> Self:
        """What a benchmark cannot do without is given."""
        for option in BENCHMARKS[self.name].needs if self.name != ALL else ():
            if not getattr(self, option):
                raise ConfigError(f"benchmark {self.name} needs {option}", f"Give --{option}; --help says what it is")
        return self
