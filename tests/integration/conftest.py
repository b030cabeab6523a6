"""The fixtures of tests that hold sessions."""

from tests.session_fixtures import bare_environment, client, deadline, inline, simulator

__all__ = ["bare_environment", "client", "deadline", "inline", "simulator"]
