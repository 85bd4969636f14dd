"""``python -m ganzoo``, so that ``torchrun -m ganzoo train …`` works."""

from ganzoo.cli import main

if __name__ == "__main__":
    main()
