#!/usr/bin/env bash
# Debian packages that tests need beyond Python. torch.compile's test needs a C++ compiler.
set -euo pipefail
if ! command -v g++ >/dev/null; then
  apt-get update -qq
  apt-get install -y -qq g++ python3-dev
fi
