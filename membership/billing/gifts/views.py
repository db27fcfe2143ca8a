"""Pages of gifts to somebody else, and of other ways to support."""

from flask import Blueprint

blueprint = Blueprint("gifts", __name__)
