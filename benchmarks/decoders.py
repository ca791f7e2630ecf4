"""Parsers that turn the bytes of an item into a plain dict, on items of several kinds."""

import importlib

from . import _datasets


class Decoders:
    """Time of decoding 1,000 items from memory, one by one, each dropped. n/a is a parser that is not installed.

    cysimdjson, fastsimdjson, yyjson, ujson and rapidjson are not among the dependencies of this suite.
    """

    param_names = ["decoder", "profile"]
    params = (
        ["orjson", "msgspec", "pysimdjson", "cysimdjson", "fastsimdjson", "yyjson", "ujson", "rapidjson", "json"],
        ["sentinel-2-l2a", "landsat-c2-l2", "naip"],
    )
    version = "1"
    number = 1
    repeat = (5, 10, 2.0)
    rounds = 2
    timeout = 300

    def setup(self, decoder, profile):
        try:
            self.decode = globals()[f"_{decoder}"]()
        except ImportError as error:
            raise NotImplementedError(f"{decoder} is not installed") from error
        self.contents = _datasets.data_set(1000, "ndjson", profile).read_bytes().splitlines()
        if type(self.decode(self.contents[0])["assets"]) is not dict:
            raise RuntimeError(f"{decoder} does not give plain dicts")

    def time_decode(self, decoder, profile):
        decode = self.decode
        count = sum(decode(content)["type"] == "Feature" for content in self.contents)
        if count != 1000:
            raise RuntimeError(f"{count} items came out, 1000 went in")


def _orjson():
    return importlib.import_module("orjson").loads


def _msgspec():
    return importlib.import_module("msgspec.json").Decoder().decode


def _pysimdjson():
    parser = importlib.import_module("simdjson").Parser()
    return lambda content: parser.parse(content, recursive=True)


def _cysimdjson():
    parser = importlib.import_module("cysimdjson").JSONParser()
    return lambda content: parser.parse(content).export()


def _fastsimdjson():
    return importlib.import_module("fastsimdjson").loads


def _yyjson():
    document = importlib.import_module("yyjson").Document
    return lambda content: document(content).as_obj


def _ujson():
    return importlib.import_module("ujson").loads


def _rapidjson():
    return importlib.import_module("rapidjson").loads


def _json():
    return importlib.import_module("json").loads
