#!/usr/bin/env bash
# From nothing to a table with verdicts, on a machine that has only Python and pip: handwritten digits with 40 % wrong
# labels, in two to three minutes on two cores (after the installation). Arguments go to the command.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/environment.sh
.venv/bin/olsrepro table demo "$@"
