# Sourced by demo.sh and test.sh: makes .venv and installs the project with its tools, unless that has been done.
if [ ! -x .venv/bin/olsrepro ] || [ pyproject.toml -nt .venv/installed ]; then
  echo "installing olsrepro into .venv (a few minutes, some GB: PyTorch)"
  [ -x .venv/bin/python ] || "${PYTHON:-python3}" -m venv .venv
  .venv/bin/python -m pip install --quiet --editable '.[dev]'
  touch .venv/installed
fi
