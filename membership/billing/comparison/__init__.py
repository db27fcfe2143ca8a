"""The nightly comparison of Stripe's objects with our rows (rule B4).

Pages of Stripe's lists show what may differ; each such object is then read anew under its lock,
and brought to what Stripe says.
"""
