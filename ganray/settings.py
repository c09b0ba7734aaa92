"""Read a verb's configuration from flags, environment, YAML file and preset, in that order of strength.

Flags are `--model.z-dim 64`, environment variables `GANRAY_TRAIN_MODEL__Z_DIM=64`, YAML keys `model: {z_dim: 64}`; a YAML
file may also hold one section per verb. Whatever is wrong becomes one ConfigError line with field, value, source and remedy.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic_settings import BaseSettings, CliApp, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from ganray.commands import VERBS, section_verb, variable_verb
from ganray.config import Section, TrainConfig
from ganray.errors import ConfigError
from ganray.presets import preset

C = TypeVar("C", bound=Section)
CONFIG_HELP = "YAML file with any of these keys (dots become nesting); flags and environment win over it"


def load(verb: str, config: type[C], argv: Sequence[str]) -> C:
    """The configuration of `verb`: flags over `GANRAY_VERB_*` variables over `--config` over `--preset` over defaults.

    Raises ConfigError, and SystemExit(0) after printing `--help`.
    """
    prefix = VERBS[verb].prefix
    keys = list(_keys(config))
    _refuse_unknown_variables(verb, keys)
    path = _early("config", argv, prefix) or ""
    file = _read_yaml(path, verb) if path else {}
    base: dict[str, Any] = {}
    if issubclass(config, TrainConfig):
        name = _early("preset", argv, prefix) or file.get("preset") or config.model_fields["preset"].default
        base = preset(str(name)).model_dump(by_alias=True) | {"preset": name}
        if _early("from", argv, prefix) or file.get("from"):
            del base["model"]  # the other model's, but for what is said here
    settings = _settings_class(verb, config, prefix)
    try:
        read = CliApp.run(settings, cli_args=list(argv), cli_exit_on_error=False, **_merge(base, file))
        return config.model_validate(read.model_dump(exclude={"config"}, exclude_unset=True, by_alias=True))
    except ValidationError as error:
        raise _explain(verb, error, argv, prefix, keys, path) from None
    except ConfigError as error:  # a rule between several keys
        raise ConfigError(f"{verb}: {error.message}", error.remedy) from None
    except SettingsError as error:
        raise _explain_flag(verb, error, keys) from None


def _settings_class(verb: str, config: type[C], prefix: str) -> type[BaseSettings]:
    class Settings(BaseSettings, config):  # type: ignore[valid-type, misc]
        model_config = SettingsConfigDict(
            extra="forbid",
            validate_by_name=False,  # one name for each key
            env_prefix=prefix,
            env_prefix_target="all",
            env_nested_delimiter="__",
            enable_decoding=False,
            cli_prog_name=f"ganray {verb}",
            cli_kebab_case=True,
            cli_implicit_flags=True,
            cli_avoid_json=True,
            cli_hide_none_type=True,
        )

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            """The environment over what `load` hands in (file and preset); flags win over both, and nothing else is read."""
            return env_settings, init_settings

    made = create_model(
        f"{config.__name__}Settings", __base__=Settings, __doc__=VERBS[verb].summary, config=(str, Field("", description=CONFIG_HELP))
    )
    fields = made.__pydantic_fields__
    order = (*config.shown_first, *(name for name in fields if name not in config.shown_last), *config.shown_last)  # of --help
    made.__pydantic_fields__ = {name: fields[name] for name in dict.fromkeys(order)}
    return cast(type[BaseSettings], made)


def _keys(config: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key as `section.field`, sections included."""
    for name, field in config.model_fields.items():
        yield prefix + (field.alias or name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation, f"{prefix}{name}.")


def _flag(key: str) -> str:
    return "--" + key.replace("_", "-")


def _variable(prefix: str, key: str) -> str:
    return prefix + key.replace(".", "__").upper()


def _refuse_unknown_variables(verb: str, keys: Sequence[str]) -> None:
    known = [_variable(VERBS[verb].prefix, key) for key in ("config", *keys)]
    for name in os.environ:
        if variable_verb(name) == verb and name not in known:
            raise ConfigError(f"{name}={os.environ[name]!r}: no such option{_close(name, known)}", "Unset it, or see --help")


def _early(key: str, argv: Sequence[str], prefix: str) -> str | None:
    """The value of a flag that decides how the others are read."""
    flag = _flag(key)
    for i, word in enumerate(argv):
        if word.startswith(flag + "="):
            return word.partition("=")[2]
        if word == flag and i + 1 < len(argv):
            return argv[i + 1]
    return os.environ.get(_variable(prefix, key))


def _read_yaml(path: str, verb: str) -> dict[str, Any]:
    try:
        read = yaml.safe_load(Path(path).read_text())
    except OSError as error:
        raise ConfigError(f"--config {path}: {error.strerror}", "Give the path of a YAML file that exists") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"--config {path}: not valid YAML ({error})", "Write one `key: value` a line") from None
    if read is None:
        return {}
    if not isinstance(read, dict):
        raise ConfigError(f"--config {path}: holds a {type(read).__name__}, not keys", "Write one `key: value` a line")
    if read and all(section_verb(str(key)) for key in read):
        read = _section_of(verb, read, path)
    return {str(key): value for key, value in read.items()}


def _section_of(verb: str, file: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """The keys of a verb in a file of sections; none where it has no such section."""
    names = [name for name in file if section_verb(name) == verb]
    if len(names) > 1:
        raise ConfigError(f"--config {path}: sections {' and '.join(names)} are for one verb", "Keep one of them")
    section = file[names[0]] if names else None
    if not isinstance(section, Mapping | None):
        raise ConfigError(
            f"--config {path}: section {names[0]} holds a {type(section).__name__}, not keys", "Write one `key: value` a line"
        )
    return section or {}


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _explain(verb: str, error: ValidationError, argv: Sequence[str], prefix: str, keys: Sequence[str], path: str) -> ConfigError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if not isinstance(part, int)).split(".function-")[0]
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return ConfigError(f"{verb}: {key}: no such key{_close(key, keys)}{more}", f"Remove or rename it; `ganray {verb} --help` lists all")
    source = _source(key, first["input"], argv, prefix) or path or "the preset"
    problem = first["msg"].removeprefix("Value error, ")
    problem = problem[0].lower() + problem[1:]
    return ConfigError(
        f"{verb}: {key} = {first['input']!r} from {source}: {problem}{more}", f"`ganray {verb} --help` says what {key} takes"
    )


def _source(key: str, value: object, argv: Sequence[str], prefix: str) -> str:
    """Where on the command line or in the environment a value comes from; empty where in neither."""
    if any(word.split("=")[0] == _flag(key) for word in argv):
        return f"flag {_flag(key)}"
    if _variable(prefix, key) in os.environ:
        return f"variable {_variable(prefix, key)}"
    return "the command line" if value in argv else ""


def _explain_flag(verb: str, error: SettingsError, keys: Sequence[str]) -> ConfigError:
    text = str(error).removeprefix("error parsing CLI: ")
    unknown = text.removeprefix("unrecognized arguments: ").split()
    if unknown and text.startswith("unrecognized"):
        hint = _close(unknown[0].split("=")[0], [_flag(key) for key in keys])
        return ConfigError(f"{verb}: {unknown[0]}: no such option{hint}", f"`ganray {verb} --help` lists all")
    return ConfigError(f"{verb}: {text}", f"`ganray {verb} --help` lists every option")


def _close(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
