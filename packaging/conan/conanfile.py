# SPDX-License-Identifier: MIT
# Conan 2. `conan create .` builds from the archive that conandata.yml names.
import os

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.files import copy, get, rmdir
from conan.tools.gnu import PkgConfigDeps
from conan.tools.layout import basic_layout
from conan.tools.meson import Meson, MesonToolchain

required_conan_version = ">=2.0"


class LibadaptauConan(ConanFile):
    name = "libadaptau"
    version = "1.0.0"
    description = "Embedding recommenders with self-setting softmax temperatures (Adap-tau)"
    license = "MIT"
    topics = ("recommender", "embeddings", "softmax")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "fPIC": [True, False]}
    default_options = {"shared": True, "fPIC": True}

    def config_options(self):
        if self.settings.os == "Windows":
            del self.options.fPIC

    def configure(self):
        if self.options.shared:
            self.options.rm_safe("fPIC")
        # C alone
        self.settings.rm_safe("compiler.libcxx")
        self.settings.rm_safe("compiler.cppstd")

    def validate(self):
        if self.settings.compiler == "msvc":
            raise ConanInvalidConfiguration("libadaptau is built by gcc or clang, on Windows by MinGW-w64")
        if self.settings.arch not in ("x86_64", "armv8"):
            raise ConanInvalidConfiguration("this recipe knows x86_64 and armv8")

    def layout(self):
        basic_layout(self, src_folder="source")  # Meson builds beside the source, not in it

    def source(self):
        get(self, **self.conan_data["sources"][self.version], strip_root=True)

    def generate(self):
        toolchain = MesonToolchain(self)
        toolchain.project_options.update({
            "blas": "reference",  # the library's own kernels: Conan has no BLIS
            "tests": "false", "examples": "false", "bench": "false",
        })
        toolchain.generate()
        PkgConfigDeps(self).generate()

    def build(self):
        meson = Meson(self)
        meson.configure()
        meson.build()

    def package(self):
        Meson(self).install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        for folder in ("share", os.path.join("lib", "pkgconfig"), os.path.join("lib", "cmake")):
            rmdir(self, os.path.join(self.package_folder, folder))

    def package_info(self):
        self.cpp_info.libs = ["adaptau"]
        self.cpp_info.set_property("pkg_config_name", "adaptau")
        self.cpp_info.set_property("cmake_file_name", "adaptau")
        self.cpp_info.set_property("cmake_target_name", "adaptau::adaptau")
        if not self.options.shared:
            self.cpp_info.defines = ["ADAPTAU_STATIC"]
            if self.settings.os in ("Linux", "FreeBSD"):
                self.cpp_info.system_libs = ["m", "pthread"]
