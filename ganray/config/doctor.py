"""The verb `doctor`."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from ganray.config.base import ExecutorName, Placement, refuse_memory


class DoctorConfig(Placement):
    """Options of the verb `doctor`."""

    executor: ExecutorName = Field(
        "auto", description="local: this machine alone; auto and ray: also each node of a cluster whose address is given. None is started"
    )
    store: str = Field(
        "", description="URL of a prefix that a job would write to: one small object is written there, read and deleted; empty = no store"
    )
    json_lines: bool = Field(False, alias="json", description="print one JSON object, with the lines of each node, and nothing else")

    @model_validator(mode="after")
    def _check_store(self) -> Self:
        refuse_memory(store=self.store)
        return self
