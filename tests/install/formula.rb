# SPDX-License-Identifier: MIT
# What build_recipes.sh gives a formula in place of Homebrew's class: its paths, its arguments for Meson, and commands that are run.
require "pathname"
require "tmpdir"

class Formula
  def self.method_missing(*); end # desc, url, depends_on ...

  def self.respond_to_missing?(*)
    true
  end

  def self.test(&block)
    define_method(:run_test, &block)
  end

  attr_reader :prefix, :testpath

  def initialize(prefix)
    @prefix = Pathname(prefix)
  end

  def include
    prefix/"include"
  end

  def lib
    prefix/"lib"
  end

  def std_meson_args
    ["--prefix=#{prefix}", "--libdir=#{lib}", "--buildtype=release", "--wrap-mode=nofallback"]
  end

  def system(*command)
    Kernel.system(*command.map(&:to_s)) || abort("failed: #{command.join(" ")}")
  end

  def try
    install
    Dir.mktmpdir do |folder|
      @testpath = Pathname(folder)
      ENV["LD_LIBRARY_PATH"] = lib.to_s # a Mac finds libraries of a prefix by their own names
      Dir.chdir(folder) { run_test }
    end
  end
end

class Pathname
  def write(text)
    File.write(to_s, text)
  end
end

def ENV.cc
  "cc"
end
