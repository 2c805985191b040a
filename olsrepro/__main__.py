"""``python -m olsrepro`` is the command ``olsrepro``."""

import sys

from olsrepro.cli.main import main

sys.exit(main())
