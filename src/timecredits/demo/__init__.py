"""The demonstration programme, built by calling the same actions as the service."""

from timecredits.demo.building import build
from timecredits.demo.telling import Demonstration

__all__ = ["Demonstration", "build"]
