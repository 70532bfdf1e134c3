"""Print the URI of the MLflow database in a storage, for `make ui`: `... tracking STORAGE`."""

from __future__ import annotations

import sys
from pathlib import Path

from orchestrator.tracking import EMBEDDED, tracking_uri

if __name__ == "__main__":
    print(tracking_uri(EMBEDDED, str(Path(sys.argv[1]).expanduser().absolute())))
