"""Pages on which a patron changes, pauses, cancels and mends."""

from flask import Blueprint

blueprint = Blueprint("manage", __name__)
