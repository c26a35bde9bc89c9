#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""adaptau.hpp wraps every call of the C interface, but for those that are left out below, with the reason.

    check_cpp.py SOURCE"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "abi"))
from interface import Interface  # noqa: E402

PLAIN = "takes numbers, returns one and cannot fail: C++ calls it as it is"
TEXT = "returns a constant or a text and cannot fail: C++ calls it as it is"
MORE = "does what another call does that the header has, without attachments"

LEFT_OUT = {
    "adaptau_build_info": TEXT,
    "adaptau_features": TEXT,
    "adaptau_version": TEXT,
    "adaptau_version_string": TEXT,
    "adaptau_lambert_w0": PLAIN,
    "adaptau_log_ratio": PLAIN,
    "adaptau_tau0_eq14": PLAIN,
    "adaptau_tau0_eq34": PLAIN,
    "adaptau_tau_user_eq15": PLAIN,
    "adaptau_tau_user_eq16": PLAIN,
    "adaptau_model_load": MORE,
    "adaptau_model_save": MORE,
}


def main():
    source = pathlib.Path(sys.argv[1])
    declared = set(Interface(source / "include").functions)
    text = (source / "include/adaptau/adaptau.hpp").read_text(encoding="utf-8")
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)
    used = set(re.findall(r"\badaptau_\w+", code)) & declared
    faults = [f"{name} is neither wrapped nor left out with a reason" for name in sorted(declared - used - set(LEFT_OUT))]
    faults += [f"{name} is said to be left out, but is wrapped" for name in sorted(used & set(LEFT_OUT))]
    faults += [f"{name} is said to be left out, but is not declared" for name in sorted(set(LEFT_OUT) - declared)]
    for fault in faults:
        print(f"include/adaptau/adaptau.hpp: {fault}")
    print(f"{len(declared)} functions, {len(used)} wrapped, {len(LEFT_OUT)} left out")
    return bool(faults) or not declared


if __name__ == "__main__":
    sys.exit(main())
