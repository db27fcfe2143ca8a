"""The names of all kinds of mail that the product sends, and the languages it speaks."""

import importlib

from app import FEATURES
from membership.mail import kinds

for feature in FEATURES:
    importlib.import_module(f"membership.{feature}.views")

KINDS = sorted(kinds.names())
LANGUAGES = ("en", "uk")
