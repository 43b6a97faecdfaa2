"""Tests of timecredits, on real PostgreSQL."""
