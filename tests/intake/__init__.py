"""Tests of what comes in over HTTP."""
