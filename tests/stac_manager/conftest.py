"""Fixtures for the tests of the package."""

from servers.network import authority, bundle, clean_environment, proxy, tls, usual_authorities

__all__ = ["authority", "bundle", "clean_environment", "proxy", "tls", "usual_authorities"]
