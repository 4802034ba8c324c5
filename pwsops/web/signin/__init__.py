"""The pages for signing in and out, and what the front door asks who sends a request."""

from pwsops.web.signin.gate import SignInGate

__all__ = ["SignInGate"]
