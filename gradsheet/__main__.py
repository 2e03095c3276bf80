"""`python -m gradsheet`"""

import sys

from gradsheet.cli import main

sys.exit(main())
