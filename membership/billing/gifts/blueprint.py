"""The pages of gifts to somebody else, and of other ways to support, share this."""

from flask import Blueprint

blueprint = Blueprint("gifts", __name__)
