"""Accounts: sign-in by mail, sign-ins that can be revoked, roles, the audit log."""
