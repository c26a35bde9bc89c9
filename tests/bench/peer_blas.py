# SPDX-License-Identifier: MIT
"""The BLAS of a peer at its strongest: which kernels it runs, and how it is told to run the best ones that the CPU can.

BLIS 0.9 and OpenBLAS 0.3.21 of Debian 12 do not know newer CPUs. They then run generic kernels, or those of an older one: OpenBLAS
does 36 GFLOP/s on a Zen 5 core as "Haswell" and 98 as "SkylakeX". A peer that was slowed down proves nothing. So a benchmark starts
itself again with what the libraries read before they start, prints what then runs, and refuses to compare with less.
"""
import ctypes
import os
import platform
import sys
import sysconfig

# For AVX-512, and for AVX2: what each library calls the kernels that are worth a comparison, the first of them the one to ask for.
BLIS_KERNELS = {"avx512f": ("skx", "zen4", "zen5"), "avx2": ("zen3", "zen2", "zen", "haswell")}
OPENBLAS_KERNELS = {"avx512f": ("SkylakeX", "Cooperlake", "Sapphirerapids", "Zen4"), "avx2": ("Haswell", "Zen", "SkylakeX")}


def instruction_set():
    """The widest one that both libraries know and this CPU has, or None."""
    if platform.machine() != "x86_64":
        return None
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return next((name for name in BLIS_KERNELS if name in flags), None)


def loaded():
    """Paths of the BLAS libraries that this process has loaded."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = {line.split()[-1] for line in maps if "/" in line}
    return sorted(p for p in paths if os.path.basename(p).startswith(("libblas.", "libblis", "libopenblas", "libmkl")))


def _system_blas():
    folder = sysconfig.get_config_var("MULTIARCH") or ""
    return os.path.realpath(f"/usr/lib/{folder}/libblas.so.3")


def _blis_numbers(blis):
    """Numbers by name, for BLIS_ARCH_TYPE."""
    names = {}
    for number in range(64):
        name = blis.bli_arch_string(number).decode()
        names[name] = number
        if name == "generic":  # the last one
            break
    return names


def _open_blis():
    try:
        blis = ctypes.CDLL("libblis.so.4")
        blis.bli_arch_string.restype = ctypes.c_char_p
        blis.bli_init()
        return blis
    except (OSError, AttributeError):
        return None


def environment(threads):
    """The present one, with what makes either library run its best kernels, on so many threads; a setting that asks for lesser
    ones is replaced."""
    settings = dict(os.environ)
    for name in ("OMP_NUM_THREADS", "BLIS_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        settings[name] = str(threads)
    best = instruction_set()
    if not best:
        return settings
    if settings.get("OPENBLAS_CORETYPE") not in OPENBLAS_KERNELS[best]:
        settings["OPENBLAS_CORETYPE"] = OPENBLAS_KERNELS[best][0]
    blis = _open_blis()
    if blis and blis.bli_arch_string(blis.bli_arch_query_id()).decode() not in BLIS_KERNELS[best]:
        settings["BLIS_ARCH_TYPE"] = str(_blis_numbers(blis)[BLIS_KERNELS[best][0]])
    return settings


def kernels():
    """(library, kernels) of the BLAS that is loaded, "?" for what does not say."""
    for path in loaded():
        try:
            name = ctypes.CDLL(path).openblas_get_corename
            name.restype = ctypes.c_char_p
            return "OpenBLAS", name().decode()
        except (OSError, AttributeError):
            pass
    if "blis" in _system_blas() or any("blis" in path for path in loaded()):
        blis = _open_blis()
        if blis:
            return "BLIS", blis.bli_arch_string(blis.bli_arch_query_id()).decode()
    paths = loaded()
    return (os.path.basename(os.path.realpath(paths[0])) if paths else "?"), "?"


def refuse_weak(program):
    """(library, kernels), or the end of the program where the peer's BLAS runs less than the CPU can."""
    library, running = kernels()
    best = instruction_set()
    worthy = {"OpenBLAS": OPENBLAS_KERNELS, "BLIS": BLIS_KERNELS}.get(library, {}).get(best)
    if worthy and running not in worthy:
        sys.exit(f"{program}: the peer's {library} runs its {running} kernels on a CPU with {best}; no comparison with that. "
                 "Install an optimised BLAS that knows it")
    if library.startswith("libblas.so"):
        sys.exit(f"{program}: the peer multiplies by the reference BLAS; install libopenblas0-pthread or libblis4-pthread")
    return library, running
