# SPDX-License-Identifier: MIT
"""A wheel that has the library in it is for one platform, and for any Python 3 there."""
import pathlib

from setuptools import setup

commands = {}
if list(pathlib.Path(__file__).parent.glob("adaptau/libadaptau.so*")):
    try:
        from setuptools.command.bdist_wheel import bdist_wheel
    except ImportError:
        from wheel.bdist_wheel import bdist_wheel

    class PlatformWheel(bdist_wheel):
        def finalize_options(self):
            super().finalize_options()
            self.root_is_pure = False

        def get_tag(self):
            return "py3", "none", super().get_tag()[2]

    commands["bdist_wheel"] = PlatformWheel

setup(cmdclass=commands)
