"""``python -m search.cli``: the command line without its installed script."""

from search.cli.app import main

main()
