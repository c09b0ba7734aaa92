"""The verb `profiles`: the marketplaces with known rules, or one of them in full. Starts no Ray."""

from __future__ import annotations

from ganray.config import ProfilesConfig
from ganray.profiles import PROFILES, Profile, Rules, profile


def profiles(config: ProfilesConfig) -> list[Profile]:
    """The requested profile, or all of them. Raises RequestError for an unknown one.

    >>> (profile,) = ganray.list_profiles(ganray.ProfilesConfig(profile="amazon-main"))
    >>> profile.on().background.kind
    'white'
    """
    return [profile(config.profile)] if config.profile else list(PROFILES().values())


def show(chosen: list[Profile]) -> str:
    """A table of several, the rules of one with source and date."""
    return _in_full(chosen[0]) if len(chosen) == 1 else _table(chosen)


def _table(chosen: list[Profile]) -> str:
    head = ("profile", "background", "fill", "at least", "best", "formats", "bytes", "of", "source")
    rows = [head, *(_row(each) for each in chosen)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(
        [*lines, "", "`ganray profiles --profile NAME` shows all rules; rules from secondary sources are marked *: confirm them"]
    )


def _row(each: Profile) -> tuple[str, ...]:
    rules = each.on()
    sides = (rules.width, rules.height)
    least = "x".join(str(side.min) for side in sides) if max(side.min for side in sides) > 1 else f"{rules.long_side.min} long"
    best = "x".join(str(side.recommended) for side in sides) if rules.width.recommended else _long(rules)
    return (
        each.name + ("" if each.evidence == "read" else "*"),
        rules.background.kind,
        f"{100 * rules.fill.min:.0f}-{100 * rules.fill.max:.0f} %" if rules.fill else "any",
        least,
        best,
        "/".join(rules.formats[:3]),
        f"{rules.max_bytes / 1e6:g} MB" if rules.max_bytes else "any",
        each.version.isoformat(),
        each.source.removeprefix("https://").partition("/")[0],
    )


def _long(rules: Rules) -> str:
    return f"{rules.long_side.recommended} long" if rules.long_side.recommended else "any"


def _in_full(each: Profile) -> str:
    import yaml

    dumped = each.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(dumped, sort_keys=False, allow_unicode=True, width=120).rstrip()
