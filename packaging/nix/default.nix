# SPDX-License-Identifier: MIT
# nix-build -E 'with import <nixpkgs> {}; callPackage ./default.nix { src = ./libadaptau-1.0.0.tar.xz; }'
{ lib, stdenv, meson, ninja, pkg-config, xz, zlib, zstd, src }:

stdenv.mkDerivation {
  pname = "libadaptau";
  version = "1.0.0";
  inherit src;

  outputs = [ "out" "dev" ];

  nativeBuildInputs = [ meson ninja pkg-config ];
  buildInputs = [ xz zlib zstd ];

  mesonFlags = [ "-Dblas=reference" "-Dtests=false" "-Dbench=false" ];

  meta = {
    description = "Embedding recommenders with self-setting softmax temperatures (Adap-tau)";
    license = lib.licenses.mit;
    platforms = [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ];
  };
}
