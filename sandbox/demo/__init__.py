"""The whole system on embedded parts, for a look around and for the browser tests.

`python -m sandbox.demo` runs it in a terminal; `system.System` runs it for a test.
"""
