"""The local STAC API that `tools/stac_api_server.py` runs, from the files to the socket.

What is served: `items`. What is asked: `search`. What is found: `catalog`. What is said: `server`. How long that takes,
what is refused, and how to ask for that: `manners`.
"""
