"""Receipts and statements to look at and take along."""

from flask import Blueprint

blueprint = Blueprint("papers", __name__)
