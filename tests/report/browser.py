"""A headless Chromium, driven over the WebDriver protocol (https://www.w3.org/TR/webdriver2/); it reaches no network."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

BROWSERS, DRIVER = ("chromium", "google-chrome", "chromium-browser"), "chromedriver"
_ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
_STARTS_S = 30


def browser_path() -> str | None:
    """The browser, None where it or its driver is not installed."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return found if shutil.which(DRIVER) else None


class Browser:
    """One window."""

    def __init__(self, address: str, preferences: dict[str, Any]) -> None:
        self._open = build_opener(ProxyHandler({})).open
        self._address = address
        self._address = f"{address}/session/{self._call('/session', preferences)['sessionId']}"

    def _call(self, path: str, body: dict[str, Any] | None = None, method: str = "POST") -> Any:
        data = None if method in {"GET", "DELETE"} else json.dumps(body or {}).encode()
        request = Request(  # noqa: S310 - the driver that was started here
            self._address + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with self._open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from error

    def show(self, page: Path, width: int = 1200, height: int = 900) -> None:
        """Open a page in a window of that size."""
        self.resize(width, height)
        self._call("/url", {"url": page.as_uri()})

    def resize(self, width: int, height: int) -> None:
        """Give the page that size, also below the least width of a window."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._chrome("Emulation.setDeviceMetricsOverride", size)

    def dark(self, *, dark: bool) -> None:
        """Be a reader who likes it dark, or light."""
        value = "dark" if dark else "light"
        self._chrome(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": value}]}
        )

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self._call("/execute/sync", {"script": script, "args": arguments})

    def wait_for(self, script: str) -> Any:
        """What a script returns in the end; it may wait."""
        return self._call("/execute/sync", {"script": f"return (async () => {{{script}}})()", "args": []})

    def click(self, selector: str) -> None:
        """Click on the first element that a selector finds."""
        element = self._call("/element", {"using": "css selector", "value": selector})
        (key,) = element.values()
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        self._call(f"/element/{key}/click")

    def type(self, selector: str, text: str) -> None:
        """Type into the first element that a selector finds."""
        (key,) = self._call("/element", {"using": "css selector", "value": selector}).values()
        self._call(f"/element/{key}/clear")
        self._call(f"/element/{key}/value", {"text": text})

    def picture(self, file: Path) -> None:
        """Write what is seen as PNG."""
        file.write_bytes(base64.b64decode(self._call("/screenshot", method="GET")))

    def paper(self, file: Path) -> None:
        """Write what a printer would get as PDF."""
        file.write_bytes(base64.b64decode(self._call("/print", {"background": True})))

    def complaints(self) -> list[str]:
        """What stands in the console since it was last asked."""
        entries = self._call("/se/log", {"type": "browser"})
        return [f"{entry['level']}: {entry['message']}" for entry in entries]

    def quit(self) -> None:
        """Close the window."""
        with suppress(OSError, AssertionError):
            self._call("", method="DELETE")

    def _chrome(self, command: str, parameters: dict[str, Any]) -> None:
        self._call("/goog/cdp/execute", {"cmd": command, "params": parameters})


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser for the length of the block; ``profile`` is where it keeps what it keeps."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen(
        [DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    options = {"binary": browser_path(), "args": [*_ARGUMENTS, f"--user-data-dir={profile}"]}
    wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    window = None
    try:
        _wait(port)
        window = Browser(f"http://127.0.0.1:{port}", {"capabilities": {"alwaysMatch": wanted}})
        yield window
    finally:
        if window is not None:
            window.quit()
        driver.terminate()
        driver.wait()


def _wait(port: int) -> None:
    end = time.monotonic() + _STARTS_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return
