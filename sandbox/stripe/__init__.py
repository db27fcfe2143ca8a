"""A stateful stand-in of Stripe: API, hosted pages, clock, signed webhooks and faults.

What may be asked and what is answered comes from the installed ``stripe`` package, whose version
pins the API version. Whatever the stand-in does not know it refuses; it never pretends.
"""
