"""The local STAC API that `tools/stac_api_server.py` runs, from the files to the socket.

What is served: `items`. What is asked: `search`. What is found: `catalog`. What is said: `endpoints`. In front of
them: `manners`, latency and refusals. Around it all: `program`.
"""
