#!/usr/bin/env bash
# From nothing to a trained run and its record, on a machine that has only Python and pip. Minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/environment.sh

run() {
  echo
  echo "\$ olsrepro $*"
  .venv/bin/olsrepro "$@"
}

# Handwritten digits with 40 % wrong training labels: what the paper's Table VII asks on CIFAR-100, in a minute.
for method in hard ols; do
  run train dataset=digits backbone=resnet8 method=$method preset=smoke recipe.epochs=20 noise=symmetric noise.rate=0.4
done
echo
echo "The same command a second time trains nothing:"
run train dataset=digits backbone=resnet8 method=ols preset=smoke recipe.epochs=20 noise=symmetric noise.rate=0.4
