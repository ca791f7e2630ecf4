"""The local STAC API that `tools/stac_api_server.py` runs, from the files to the socket."""
