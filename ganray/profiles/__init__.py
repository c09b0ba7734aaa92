"""Marketplace rules as versioned data, and their checker.

profile.py        Profile: the schema of the YAML files in this folder; PROFILES(), profile(name)
checker.py        check(bytes, profile) -> Report: every rule, on the encoded picture
measurements.py   the checker's own measurements of background, box and cleanness, independent of the code that edits
content.py        RULES about what a picture shows; each is measured in a file beside it, with a strength of evidence (evidence.py)
foreground.py     the product's parts before a plain background, which most of those need
reading.py        what an OCR network reads (extra `ocr`); people.py: whose face is seen (extra `faces`)
mending.py        mending(report) -> the chain of edits that would correct a picture
"""

from ganray.profiles.profile import PROFILES, Content, Profile, Rules, names, profile

__all__ = ["PROFILES", "Content", "Profile", "Rules", "names", "profile"]
