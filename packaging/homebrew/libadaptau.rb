# SPDX-License-Identifier: MIT
class Libadaptau < Formula
  desc "Embedding recommenders with self-setting softmax temperatures (Adap-tau)"
  url "file:///srv/releases/libadaptau-1.0.0.tar.xz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "MIT"

  depends_on "meson" => :build
  depends_on "ninja" => :build
  depends_on "pkgconf" => :build
  depends_on "xz"
  depends_on "zstd"

  def install
    system "meson", "setup", "build", "-Dblas=reference", "-Dtests=false", "-Dbench=false", *std_meson_args
    system "meson", "compile", "-C", "build", "--verbose"
    system "meson", "install", "-C", "build"
  end

  test do
    (testpath/"version.c").write <<~C
      #include <adaptau/adaptau.h>
      int main(void) { return adaptau_version() != ADAPTAU_VERSION_NUMBER; }
    C
    system ENV.cc, "version.c", "-I#{include}", "-L#{lib}", "-ladaptau", "-o", "version"
    system "./version"
  end
end
