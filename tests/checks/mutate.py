#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mutation testing of lib/: does a test fail when a line of the library is wrong?

    mutate.py SOURCE WORK [--sample N] [--seed S] [--only PART-OF-PATH] [--jobs J]

A mutant is the library with one change, made by a rule: another comparison, a number one higher, another arithmetic or logical
operator, a statement that is left out, two arguments swapped, a condition that always or never holds. Only lines that some test
program reaches are changed, and only the programs that reach the line are run. A mutant is killed when one of them fails, crashes
or hangs; it survives when all of them pass. Mutants whose object code is that of the original change nothing and do not count.

The sample is drawn by the seed. Results are kept in WORK/results.jsonl, so that a run that was stopped goes on; a changed source file
is tried anew, and survivors are tried again. Survivors that were looked at and accepted stand in tests/checks/mutants-accepted, with the
reason. The exit status is 1 below the goal."""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

GOAL = 90.0
SUITES = {"unit", "api", "kernels", "misuse", "faults"}
WITHOUT = {"test_threads", "test_neighbours", "test_published"} # need the linker's help, or other machines' files

# ---- mutants -----------------------------------------------------------------------------------------------------------

NUMBER, RESULT = object(), object()
OPERATORS = [(re.compile(pattern), becomes) for pattern, becomes in (
    (r"(?<![<>=!+\-*/|&%^])<=(?!=)", ["<", ">="]),
    (r"(?<![<>=!\-])>=(?!=)", [">", "<="]),
    (r"(?<=[\w\])] )<(?= )", ["<=", ">="]),
    (r"(?<=[\w\])] )>(?= )", [">=", "<="]),
    (r"==", ["!="]),
    (r"!=", ["=="]),
    (r"&&", ["||"]),
    (r"\|\|", ["&&"]),
    (r"(?<=[\w\])]) \+ (?=[\w(])", [" - "]),
    (r"(?<=[\w\])]) - (?=[\w(])", [" + "]),
    (r"(?<=[\w\])]) \* (?=[\w(])", [" / "]),
    (r"(?<=[\w\])]) / (?=[\w(])", [" * "]),
    (r"\+=", ["-=", "="]),
    (r"-=", ["+="]),
    (r"\+\+", ["--"]),
    (r"!(?=[\w(])(?!=)", [""]),
    (r"\btrue\b", ["false"]),
    (r"\bfalse\b", ["true"]),
    (r"\bcontinue;", [";", "break;"]),
    (r"\bbreak;", [";"]),
    (r"(?<![\w.])\d+(?:\.\d+)?(?![\w.xX])", NUMBER),
    (r"\breturn (?!0;|NULL;|false;|true;|ADAPTAU_OK;)[^;{}]+;", RESULT),
)]
STATEMENT = re.compile(r"^\s+(?!(?:return|if|for|while|else|do|case|default|switch|goto|break|continue|const|static|struct|enum|typedef|unsigned|"
                       r"float|double|bool|char|void|size_t|u?int\d+_t)\b)(?!\w+ +\*?\w+ *(?:=|;|,|\[))([A-Za-z_*(][^;{}]*);\s*$")
CONDITION = re.compile(r"\b(?:if|while) \((.*)\)(?: \{)?\s*$")
CALL = re.compile(r"\b(?!(?:if|for|while|switch|sizeof|return)\b)[a-z]\w*\(([^(),]+), ([^(),]+)((?:, [^()]*)?)\)")


def code_of(text):
    """The lines with comments, strings and characters blanked, so that columns stay."""
    blank = lambda found: re.sub(r"[^\n]", " ", found.group(0))
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', blank, text, flags=re.S).split("\n")


def mutants_of(text):
    """(line from 0, rule, new line) for each mutant of a source text."""
    for number, (line, bare) in enumerate(zip(text.split("\n"), code_of(text))):
        if not bare.strip() or bare.lstrip().startswith("#") or "static_assert" in bare or "_Static_assert" in bare:
            continue
        for pattern, becomes in OPERATORS:
            for found in pattern.finditer(bare):
                value = found.group(0)
                new = becomes
                if becomes is NUMBER:
                    new = [value + "5" if "." in value else str(int(value) + 1)]
                elif becomes is RESULT:
                    new = ["return 0;"]
                for one in new:
                    yield number, f"{value.strip()} -> {one.strip() or 'nothing'}", line[:found.start()] + one + line[found.end():]
        balanced = bare.count("(") == bare.count(")")
        found = STATEMENT.match(bare)
        if found and balanced:
            yield number, "left out", line[:found.start(1)] + ";"
        found = CONDITION.search(bare)
        if found and balanced:
            for value in "01":
                yield number, f"condition -> {value}", line[:found.start(1)] + value + line[found.end(1):]
        for found in CALL.finditer(bare) if bare[0].isspace() else ():
            swapped = line[found.start(2):found.end(2)] + ", " + line[found.start(1):found.end(1)]
            yield number, "arguments swapped", line[:found.start(1)] + swapped + line[found.start(3):]


# ---- building and running ----------------------------------------------------------------------------------------------

def call(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode:
        sys.exit(f"{shlex.join(map(str, command))}\n{done.stdout[-3000:]}")
    return done.stdout


class Build:
    """The library's objects, made once; shared libraries with one of them replaced; test programs that are linked with these."""

    def __init__(self, source, work, jobs):
        self.source, self.work, self.jobs, self.meson = source, work, jobs, work / "meson"
        again = ["--reconfigure"] if (self.meson / "build.ninja").exists() else []
        call(["meson", "setup", *again, "-Dbuildtype=plain", "-Doptimization=1", "-Dhardening=false", "-Dexamples=false", "-Dbench=false",
              "-Dwerror=false", str(self.meson), str(source)])
        call(["ninja", "-C", str(self.meson), "-j", str(jobs)])
        self.commands, self.tests = {}, {}
        for entry in json.loads((self.meson / "compile_commands.json").read_text()):
            path = pathlib.Path(os.path.normpath(os.path.join(entry["directory"], entry["file"])))
            if path.suffix != ".c" or not path.is_relative_to(source):
                continue
            words = [word for word in shlex.split(entry["command"]) if word != "ccache"]
            out, name = words[words.index("-o") + 1], str(path.relative_to(source))
            if out.startswith("lib/") and name not in self.commands:
                self.commands[name] = words
            elif out.startswith("tests/"):
                self.tests.setdefault(out.split("/")[1][:-2], []).append(str(self.meson / out))
        self.blas = shlex.split(subprocess.run(["pkg-config", "--libs", "blis"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                               text=True).stdout) or ["-lblis"]
        self.programs = {}
        for test in json.loads(call(["meson", "introspect", "--tests", str(self.meson)])):
            program = pathlib.Path(test["cmd"][0]).name
            if {s.split(":")[-1] for s in test["suite"]} & SUITES and program in self.tests and program not in WITHOUT and len(test["cmd"]) == 1:
                self.programs[program] = {**os.environ, **test["env"]}

    def compile(self, path, out, name, extra=()):
        command, skip = [], False
        for word in self.commands[name]:
            if skip or word in ("-o", "-MQ", "-MF"):
                skip = not skip
            elif word not in ("-MD", "-c", "-g", "-Werror", "-fvisibility=hidden", "-flto") and not word.endswith("/" + name):
                command.append(word)
        command += ["-fPIC", "-w", "-g0", f"-I{(self.source / name).parent}", *extra, "-c", str(path), "-o", str(out)]
        return subprocess.run(command, cwd=self.meson, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def objects(self, folder, extra=()):
        folder.mkdir(parents=True, exist_ok=True)
        out = {name: folder / (name.replace("/", "+") + ".o") for name in self.commands}
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            for name, fine in zip(out, pool.map(lambda name: self.compile(self.source / name, out[name], name, extra), out)):
                if not fine:
                    sys.exit(f"{name} does not compile")
        return out

    def library(self, folder, objects, extra=()):
        folder.mkdir(parents=True, exist_ok=True)
        return subprocess.run(["gcc", "-shared", "-Wl,-soname,libmutant.so", *extra, "-o", str(folder / "libmutant.so"),
                               *map(str, objects), *self.blas, "-lm", "-pthread"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def link_tests(self, folder, library):
        folder.mkdir(parents=True, exist_ok=True)
        check = shlex.split(call(["pkg-config", "--libs", "check"]))
        lives = self.tests.get("liblives.a", [])
        for name in list(self.programs):
            done = subprocess.run(["gcc", "-o", str(folder / name), *self.tests[name], *lives, f"-L{library}", "-lmutant", *check, "-lm",
                                   "-pthread"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode:
                print(f"left out: {name} does not link with a shared library: {done.stdout.strip().splitlines()[-1][:120]}")
                del self.programs[name]

    def run(self, name, library, seconds, **environment):
        """'passed', 'failed' or 'hung'."""
        child = subprocess.Popen([str(self.work / "programs" / name)], cwd=library, start_new_session=True, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL,
                                 env={**self.programs[name], "LD_LIBRARY_PATH": str(library), **environment})
        try:
            return "passed" if child.wait(seconds) in (0, 77) else "failed"
        except subprocess.TimeoutExpired:
            return "hung"
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()

    def measure_reach(self):
        """{file: {line: programs that run it}}, by gcov."""
        stamp = hashlib.sha256()
        for path in sorted([*(self.source / "lib").rglob("*.[ch]"), *(self.source / "tests").rglob("*.[ch]")]):
            stamp.update(path.read_bytes())
        kept = self.work / "reach.json"
        if kept.exists() and (told := json.loads(kept.read_text()))["stamp"] == stamp.hexdigest():
            return told["reach"]
        notes, reach = self.work / "covered", {}
        objects = self.objects(notes, ["--coverage", "-fprofile-update=atomic", "-O0"])
        self.library(self.work / "covered-library", objects.values(), ["--coverage"])
        for name in sorted(self.programs):
            counts = self.work / "counts" / name
            shutil.rmtree(counts, ignore_errors=True)
            if self.run(name, self.work / "covered-library", 900, GCOV_PREFIX=str(counts)) != "passed":
                print(f"left out: {name} fails without a mutant while lines are counted")
                continue
            for found in counts.rglob("*.gcda"):
                if not (notes / (found.stem + ".gcno")).exists():
                    continue
                shutil.move(found, notes / found.name)
                told = subprocess.run(["gcov", "--json-format", "--stdout", str(notes / found.name)], cwd=self.meson,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
                (notes / found.name).unlink()
                for one in (one for part in told.split("\n") if part for one in json.loads(part)["files"]):
                    path = pathlib.Path(os.path.normpath(self.meson / one["file"]))
                    if path.is_relative_to(self.source / "lib"):
                        lines = reach.setdefault(str(path.relative_to(self.source)), {})
                        for line in one["lines"]:
                            if line["count"] and name not in lines.setdefault(str(line["line_number"]), []):
                                lines[str(line["line_number"])].append(name)
        kept.write_text(json.dumps({"stamp": stamp.hexdigest(), "reach": reach}))
        return reach


class Attempts:
    """One mutant after another, on several threads; what is known is not tried again."""

    def __init__(self, build, objects, reach, seconds):
        self.build, self.objects, self.reach, self.seconds = build, objects, reach, seconds
        self.original = {name: path.read_bytes() for name, path in objects.items()}
        self.results, self.lock, self.number, self.known = build.work / "results.jsonl", threading.Lock(), 0, {}
        if self.results.exists():
            self.known = {entry["key"]: entry for entry in map(json.loads, self.results.read_text(encoding="utf-8").splitlines())}

    def result_of(self, place, name, text, tests):
        mutated, out = place / pathlib.Path(name).name, place / "mutant.o"
        mutated.write_text(text, encoding="utf-8")
        if not self.build.compile(mutated, out, name):
            return "does not compile", None
        if out.read_bytes() == self.original[name]:
            return "same code", None
        if not self.build.library(place, [out if one == name else path for one, path in self.objects.items()]):
            return "does not link", None
        for test in tests:
            end = self.build.run(test, place, 20 + 10 * self.seconds[test])
            if end != "passed":
                return f"killed ({end})", test
        return "survived", None

    def __call__(self, mutant):
        name, number, rule, line = mutant
        text = (self.build.source / name).read_text(encoding="utf-8").split("\n")
        key = hashlib.sha256("\n".join([name, *text, str(number), line]).encode()).hexdigest()
        if self.known.get(key, {"result": "survived"})["result"] != "survived":
            return self.known[key]
        entry = {"key": key, "file": name, "line": number + 1, "rule": rule, "was": text[number].strip(), "is": line.strip()}
        text[number] = line
        with self.lock:
            self.number += 1
            place = self.build.work / "mutants" / str(self.number)
        place.mkdir(parents=True, exist_ok=True)
        tests = sorted((t for t in self.reach[name][str(number + 1)] if t in self.seconds), key=self.seconds.get)
        entry["result"], entry["by"] = self.result_of(place, name, "\n".join(text), tests)
        shutil.rmtree(place, ignore_errors=True)
        with self.lock, self.results.open("a", encoding="utf-8") as results:
            results.write(json.dumps(entry) + "\n")
        return entry


def read_accepted(source):
    listing = source / "tests/checks/mutants-accepted"
    lines = listing.read_text(encoding="utf-8").splitlines() if listing.exists() else []
    return {line.split(" | ")[0] for line in lines if line and not line.startswith("#")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--sample", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    build = Build(asked.source.resolve(), asked.work.resolve(), asked.jobs)
    objects = build.objects(build.work / "objects")
    if not build.library(build.work / "library", objects.values()):
        sys.exit("the library does not link")
    build.link_tests(build.work / "programs", build.work / "library")
    reach, seconds = build.measure_reach(), {}
    for name in build.programs:
        started = time.monotonic()
        if build.run(name, build.work / "library", 900) == "passed":
            seconds[name] = time.monotonic() - started
        else:
            print(f"left out: {name} fails without a mutant")
    everything = [(name, *mutant) for name in sorted(build.commands) if asked.only in name
                  for mutant in mutants_of((build.source / name).read_text(encoding="utf-8"))
                  if any(test in seconds for test in reach.get(name, {}).get(str(mutant[0] + 1), []))]
    random.Random(asked.seed).shuffle(everything)
    print(f"{len(build.commands)} files, {sum(map(len, reach.values()))} lines reached by {len(seconds)} test programs, "
          f"{len(everything)} mutants possible", flush=True)
    attempt, accepted, counted = Attempts(build, objects, reach, seconds), read_accepted(build.source), {"killed": 0, "open": 0, "accepted": 0}
    with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
        todo, waiting = iter(everything), set()
        while sum(counted.values()) < asked.sample:
            while len(waiting) < asked.jobs and (mutant := next(todo, None)):
                waiting.add(pool.submit(attempt, mutant))
            if not waiting:
                break
            finished, waiting = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
            for entry in (one.result() for one in finished):
                if entry["result"].startswith("killed"):
                    counted["killed"] += 1
                elif entry["result"] == "survived":
                    name = f"{entry['file']} {entry['rule']}: {entry['was']}"
                    counted["accepted" if name in accepted else "open"] += 1
                    if name not in accepted:
                        print(f"survived  {entry['file']}:{entry['line']}  {entry['rule']}\n    was {entry['was']}\n    is  {entry['is']}", flush=True)
    total = sum(counted.values())
    score = 100.0 * counted["killed"] / max(1, total - counted["accepted"])
    print(f"{total} mutants: {counted['killed']} killed, {counted['open']} survived, {counted['accepted']} survived and accepted")
    print(f"mutation score {score:.1f} % without accepted ones (goal {GOAL:g} %)")
    return score < GOAL


if __name__ == "__main__":
    sys.exit(main())
