"""What a program pays before the first item: the import."""

from . import _compat


class Startup:
    """Import time in a fresh interpreter, and the memory that the imports take before anything is fetched."""

    version = "1"
    timeout = 120

    def setup(self):
        _compat.require()

    def timeraw_import(self):
        return "from stac_manager import IngestModule, WorkflowContext"

    def peakmem_imports_file(self):
        _compat.load("file")

    def peakmem_imports_api(self):
        _compat.load("api")


Startup.timeraw_import.version = "2"
Startup.timeraw_import.number = 1
Startup.timeraw_import.repeat = 10
Startup.timeraw_import.rounds = 1
