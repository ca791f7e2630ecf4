"""Make realistic STAC items, the same for the same seed, in the layouts that file ingestion reads.

    python tools/test_data_generator.py --profile sentinel-2-l2a --items 10000 --layout directory

prints the path of the data on standard output and everything else on standard error. A set that is already
there, whole, is used as it is.

Item `index` of a profile depends on (profile, seed, index), the kind of datetime and the skew; never on the number of
items, the layout or the Python version.

One folder holds one data set:

    test_data/<name>/manifest.json      what it is; a set without it is not there
    test_data/<name>/items/<id>.json    layout `directory`
    test_data/<name>/items.json         layout `featurecollection`
    test_data/<name>/items.ndjson       layout `ndjson`
    test_data/<name>/items.parquet      layout `geoparquet` (needs pyarrow and stac-geoparquet)
"""

import sys
from pathlib import Path

if not __package__:  # Started as a program: the folder above is not on the path.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from tools.test_data.program import main

if __name__ == "__main__":
    main()
