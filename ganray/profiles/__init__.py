"""Marketplace rules as versioned data, and their checker.

profile.py    Profile: the schema of the YAML files in this folder; PROFILES(), profile(name)
checker.py    check(bytes, profile) -> Report: every rule, on the encoded picture
seen.py       the checker's own measurements of product and background, independent of the code that edits
mending.py    mending(report) -> the chain of edits that would correct a picture
"""

from ganray.profiles.profile import PROFILES, Profile, Rules, names, profile

__all__ = ["PROFILES", "Profile", "Rules", "names", "profile"]
