#!/usr/bin/env bash
# Run the tests on a machine that has only Python and pip: makes .venv if it is missing, installs the project, tests.
# Arguments go to pytest: `bash scripts/test.sh -m slow`, `bash scripts/test.sh tests/losses`.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/environment.sh
.venv/bin/python -m pytest "$@"
