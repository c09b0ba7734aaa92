"""One table: the verbs. The command line, settings, jobs/ and the usage text follow from it.

Configurations and verbs are named, not imported, so that `ganray --help` starts at once.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganray.config import Section


@dataclass(frozen=True)
class Verb:
    """A verb: `config` is the class of its options and `function` what runs it, each as `module:name`."""

    name: str
    summary: str
    config: str
    function: str

    @property
    def job(self) -> str:
        """The file under jobs/ that is this verb."""
        return self.name.replace("-", "_") + ".py"

    @property
    def prefix(self) -> str:
        """What the names of its environment variables begin with."""
        return f"GANRAY_{self.name.replace('-', '_').upper()}_"

    def load_config(self) -> type[Section]:
        """Import the class of the verb's options."""
        config: type[Section] = getattr(*_import(self.config))
        return config

    def load_function(self) -> tuple[ModuleType, Callable[[Any], Any]]:
        """Import what runs the verb: its module, which may have `show` and `exit_code` of its own, and the function."""
        module, name = _import(self.function)
        return module, getattr(module, name)


def _import(path: str) -> tuple[ModuleType, str]:
    module, _, name = path.partition(":")
    return importlib.import_module(module), name


VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb(
            "ingest",
            "Turn a prefix of product photos into a prepared catalog.",
            "ganray.config.ingest:IngestConfig",
            "ganray.verbs.ingest:ingest",
        ),
        Verb(
            "train",
            "Train a GAN on a prepared catalog; the result is a model folder.",
            "ganray.config.train:TrainConfig",
            "ganray.verbs.train:train",
        ),
        Verb(
            "train-editor",
            "Train the networks of the learned edits on a prepared catalog: cut out, inpaint, upscale, enhance.",
            "ganray.config.train:TrainEditorConfig",
            "ganray.verbs.train_editor:train_editor",
        ),
        Verb(
            "generate",
            "Make labelled images in bulk from a table of requests (or a count), each written exactly once.",
            "ganray.config.bulk:GenerateConfig",
            "ganray.verbs.generate:generate",
        ),
        Verb(
            "edit",
            "Edit photos in bulk: all under a prefix, or those that a table of requests names, each result written exactly once.",
            "ganray.config.bulk:EditConfig",
            "ganray.verbs.edit:edit",
        ),
        Verb(
            "status",
            "How far a bulk job is: images, rate, time left, cost.",
            "ganray.config.bulk:StatusConfig",
            "ganray.verbs.status:status",
        ),
        Verb(
            "profiles",
            "The marketplaces whose rules ganray knows; one of them in full with --profile.",
            "ganray.config.check:ProfilesConfig",
            "ganray.verbs.profiles:profiles",
        ),
        Verb(
            "check",
            "Check pictures against a marketplace's rules: a report, and the edits that mend. Exit code 1 where some fail.",
            "ganray.config.check:CheckConfig",
            "ganray.verbs.check:check",
        ),
        Verb(
            "evaluate",
            "Score a model against its catalog: distances with floors, coverage, class accuracy, nearest neighbours.",
            "ganray.config.evaluate:EvaluateConfig",
            "ganray.verbs.evaluate:evaluate",
        ),
        Verb(
            "export",
            "Write a model's networks in the formats of other runtimes, each file checked against torch.",
            "ganray.config.evaluate:ExportConfig",
            "ganray.verbs.export:export",
        ),
        Verb(
            "doctor",
            "What of this machine, its cluster and a store would stop a job, and what mends it. Exit code 1 where something would.",
            "ganray.config.doctor:DoctorConfig",
            "ganray.verbs.doctor:doctor",
        ),
        Verb("serve", "Serve a model over HTTP.", "ganray.config.serve:ServeConfig", "ganray.verbs.serve:serve"),
        Verb("key", "Make an API key for serve: shown once, its hash in a file.", "ganray.config.key:KeyConfig", "ganray.verbs.key:key"),
        Verb(
            "demo",
            "The whole way on one machine: sample catalog, training, bulk generation, evaluation, HTTP.",
            "ganray.config.demo:DemoConfig",
            "ganray.verbs.demo:demo",
        ),
        Verb(
            "benchmark",
            "Measure ganray against the bare loop it wraps; both sides in the same run.",
            "ganray.config.benchmark:BenchmarkConfig",
            "ganray.benchmarks.benchmark:benchmark",
        ),
    )
}


def section_verb(section: str) -> str:
    """The verb that a section of a YAML file is for: `train-editor` or `train_editor`; empty where it is none."""
    name = section.replace("_", "-")
    return name if name in VERBS else ""


def variable_verb(variable: str) -> str:
    """The verb that an environment variable is for; empty where it is none.

    GANRAY_TRAIN_EDITOR_KIMG is `train-editor`'s, by the longest prefix; GANRAY_TRAIN_EDITOR__TASKS is the key `editor.tasks` of `train`,
    as no key begins with an underscore.
    """
    fitting = [verb for verb in VERBS.values() if re.match(f"{verb.prefix}[^_]", variable)]
    return max(fitting, key=lambda verb: len(verb.prefix)).name if fitting else ""
