#!/usr/bin/env bash
# Debian packages that tests need beyond Python. torch.compile's test needs a C++ compiler, that of LaTeX tables
# pdflatex with booktabs.
set -euo pipefail
missing=()
command -v g++ >/dev/null || missing+=(g++ python3-dev)
kpsewhich booktabs.sty >/dev/null 2>&1 || missing+=(texlive-latex-recommended)
if ((${#missing[@]})); then
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
