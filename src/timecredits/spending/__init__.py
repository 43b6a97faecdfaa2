"""Venues, what they offer, and the credits that people spend or give away."""
