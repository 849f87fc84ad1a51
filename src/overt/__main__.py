"""`overt` and `python -m overt`."""

from overt.faces.cli.root import main

if __name__ == "__main__":
    main()
