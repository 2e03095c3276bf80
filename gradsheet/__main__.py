"""`python -m gradsheet`"""

import sys

from gradsheet.commands.cli import main

sys.exit(main())
