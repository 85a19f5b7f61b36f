"""``python -m flowstitch`` is the command ``flowstitch``, where its directory is not on the path."""

from flowstitch.cli.main import main

if __name__ == "__main__":
    main()
