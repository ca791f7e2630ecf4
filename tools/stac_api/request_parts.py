"""What a request says: where it was sent, its query, the Collection in its path."""

from collections.abc import Container

from aiohttp import web

from .errors import SearchError


def base_url(request: web.Request) -> str:
    """The server as the client addressed it."""
    return f"http://{request.host}"


def query_parameters(request: web.Request, known: set[str]) -> dict[str, str]:
    """The query of a URL. Raises SearchError for a parameter that is unknown or comes twice."""
    if unknown := sorted(request.query.keys() - known):
        raise SearchError(f"not supported: {', '.join(unknown)}")
    parameters = dict(request.query)
    if len(parameters) != len(request.query):
        raise SearchError("a parameter is given twice; lists are separated by commas")
    return parameters


def known_collection(request: web.Request, collections: Container[str]) -> str:
    collection = request.match_info["collection"]
    if collection not in collections:
        raise web.HTTPNotFound(reason="no such collection")
    return collection
