"""Marketplace rules as versioned data, and their checker.

profile.py    Profile: what a YAML file of this folder may say; PROFILES(), profile(name)
checker.py    check(bytes, profile) -> Report: every rule, on the encoded picture
seen.py       what the checker sees of a picture: its own product box and background, independent of the code that edits
mending.py    mending(report) -> the chain of edits that would mend a picture
"""

from ganray.profiles.profile import PROFILES, Profile, Rules, names, profile

__all__ = ["PROFILES", "Profile", "Rules", "names", "profile"]
