"""Accounts: sign-in by mail, sign-ins that can be revoked, roles, the audit log."""

from flask import Flask
from flask_login import LoginManager


def init_app(app: Flask) -> None:
    LoginManager(app)
