#!/bin/sh
# SPDX-License-Identifier: MIT
# The package as a wheel: built without the network, with the library in it, installed into an empty environment, used in an empty
# folder. Skipped, with the reason, where pip, venv, setuptools, wheel or NumPy is not installed.
# Usage: test_python_wheel.sh ROOT PYTHON LIBRARY
set -eu
root=$1
python=$2
library=$3
for module in pip venv ensurepip setuptools wheel numpy; do
    "$python" -c "import $module" 2>/dev/null || {
        echo "skipped: $python has no $module (Debian: python3-venv python3-pip python3-setuptools python3-wheel python3-numpy)"
        exit 77
    }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset ADAPTAU_LIBRARY PYTHONPATH || true

cp -r "$root/examples/hosts/python" "$work/source"
rm -rf "$work/source/adaptau/__pycache__"
"$python" -m pip wheel --quiet --no-index --no-build-isolation --no-deps --wheel-dir "$work/plain" "$work/source"
ls "$work/plain" | grep -qx 'adaptau-.*-py3-none-any.whl'
cp "$library" "$work/source/adaptau/libadaptau.so.1"
"$python" -m pip wheel --quiet --no-index --no-build-isolation --no-deps --wheel-dir "$work/whole" "$work/source"
ls "$work/whole" | grep -qx 'adaptau-.*-py3-none-linux_.*.whl'

"$python" -m venv --system-site-packages "$work/venv" # for NumPy, which no index can give here
"$work/venv/bin/pip" install --quiet --no-index --no-deps "$work"/whole/*.whl
mkdir "$work/empty"
cd "$work/empty"
"$work/venv/bin/python" -W error -c '
import adaptau, importlib.metadata, pathlib
assert "venv" in adaptau.__file__, adaptau.__file__
assert importlib.metadata.version("adaptau") == adaptau.__version__, adaptau.__version__
assert (pathlib.Path(adaptau.__file__).parent / "py.typed").exists()
model = adaptau.fit((["ann", "ann", "bob"], ["tea", "milk", "tea"]), dim=4, epochs=2, temperature=0.2)
assert list(model.recommend("bob", 1).items) == ["milk"]
print("a wheel with the library in it:", model)'
