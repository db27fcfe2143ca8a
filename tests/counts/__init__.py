"""Tests of counts that take long."""
