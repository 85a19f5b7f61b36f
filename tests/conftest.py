"""What holds for every test: UTC, and properties that may take the time that compiling a kernel takes."""

from __future__ import annotations

import os
import time

# what is read as local time must not depend on where the tests run
os.environ["TZ"] = "UTC"
time.tzset()

from hypothesis import settings  # noqa: E402

settings.register_profile("flowstitch", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True)
settings.load_profile("flowstitch")
