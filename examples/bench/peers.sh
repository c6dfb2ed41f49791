#!/usr/bin/env bash
# Installs what this program is measured against into a virtual environment: PyTorch with tabm, and
# MLflow. Prints the Python to hand to `actuary bench train --peer` and to the scripts beside this one.
#
#     examples/bench/peers.sh [DIRECTORY]
#
# DIRECTORY is target/peers unless named. PyTorch for a CPU alone is a tenth of the size, where its own
# index can be reached: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu. psql comes with
# PostgreSQL, without which nothing here runs; the load is this program's own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
place=${1:-target/peers}

[[ -x $place/bin/python ]] || "${PYTHON:-python3}" -m venv "$place"
"$place/bin/pip" install --quiet --no-cache-dir --disable-pip-version-check \
    torch==2.15.0 tabm==0.0.3 rtdl_num_embeddings==0.0.12 mlflow==3.17.2 \
    scikit-learn==1.9.1 scipy==1.17.1 pandas==3.1.1 numpy==2.4.6 polars==2.1.0
"$place/bin/python" -c 'import mlflow, tabm, torch' >/dev/null
realpath --no-symlinks "$place/bin/python"
