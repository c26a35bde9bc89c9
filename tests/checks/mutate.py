#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mutation testing of lib/: does a test fail when a line of the library is wrong?

    mutate.py SOURCE WORK [--sample N] [--seed S] [--only PART-OF-PATH] [--within SECONDS] [--jobs J] [--again RESULTS]

A mutant is the library with one change, made by a rule: another comparison, a number one higher, another arithmetic or logical
operator, a statement that is left out, two arguments swapped, a condition that always or never holds. Only lines that some test
reaches are changed, and only the tests that reach the line are run until one fails: those of the file's own subject and of misuse
first, of them the shortest first. A mutant is killed when
a test fails, crashes or hangs; it survives when all pass that fit into --within seconds of the CPU. Mutants whose object code
is that of the original change nothing and do not count.

The library is compiled with the bounds of arrays watched, as `./dev/run asan` does for all of its suites: an index that is one too high
ends the test.

One test is one function of Check, or a part of its loop where that takes long: one_test.c, linked into the programs, chooses it. What
a test reaches and how long it takes is measured once for each build of a program. Limits are of the CPU's time, so that a busy
machine kills no mutant.

The sample is drawn by the seed. Results are kept in WORK/results.jsonl, so that a run that was stopped goes on; a changed source file
is tried anew, and survivors are tried again where tests changed. Survivors that were looked at and accepted stand in
tests/checks/mutants-accepted, with the reason. With --again only what survived in another run is tried, found by its text. The exit status is 1 below the goal."""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

GOAL = 90.0
SUITES = {"unit", "api", "kernels", "misuse", "faults"}
WITHOUT_SUITES = {"slow"}
WITHOUT = {"test_threads", "test_neighbours", "test_published"} # need the linker's help, or other machines' files
LONG = 1.0 # seconds; a loop that takes longer is cut into parts of about that
MOST_PARTS = 24
WATCHED = ["-fsanitize=bounds", "-fsanitize-undefined-trap-on-error"]

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


# ---- building ----------------------------------------------------------------------------------------------------------

def call(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode:
        sys.exit(f"{shlex.join(map(str, command))}\n{done.stdout[-3000:]}")
    return done.stdout


def digest(*paths):
    sum_of = hashlib.sha256()
    for path in paths:
        sum_of.update(pathlib.Path(path).read_bytes())
    return sum_of.hexdigest()


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
            suites = {name.split(":")[-1] for name in test["suite"]}
            if suites & SUITES and not suites & WITHOUT_SUITES and program in self.tests and program not in WITHOUT and len(test["cmd"]) == 1:
                self.programs[program] = {**os.environ, **test["env"]}

    def compile(self, path, out, name, extra=()):
        command, skip = [], False
        for word in self.commands[name]:
            if skip or word in ("-o", "-MQ", "-MF"):
                skip = not skip
            elif word not in ("-MD", "-c", "-g", "-Werror", "-fvisibility=hidden", "-flto") and not word.endswith("/" + name):
                command.append(word)
        command += [*WATCHED, "-fPIC", "-w", "-g0", f"-I{(self.source / name).parent}", *extra, "-c", str(path), "-o", str(out)]
        return subprocess.run(command, cwd=self.meson, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def objects(self, folder, extra=()):
        """Of all files of the library; made anew where one of them has changed."""
        folder.mkdir(parents=True, exist_ok=True)
        out = {name: folder / (name.replace("/", "+") + ".o") for name in self.commands}
        made, stamp = folder / "made-of", digest(*sorted((self.source / "lib").rglob("*.[ch]")), *sorted((self.source / "include").rglob("*.h")))
        if made.exists() and made.read_text() == stamp:
            return out
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            for name, fine in zip(out, pool.map(lambda name: self.compile(self.source / name, out[name], name, extra), out)):
                if not fine:
                    sys.exit(f"{name} does not compile")
        made.write_text(stamp)
        return out

    def library(self, folder, objects, extra=()):
        folder.mkdir(parents=True, exist_ok=True)
        return subprocess.run(["gcc", "-shared", "-Wl,-soname,libmutant.so", *extra, "-o", str(folder / "libmutant.so"),
                               *map(str, objects), *self.blas, "-lm", "-pthread"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def link_tests(self, folder, library):
        folder.mkdir(parents=True, exist_ok=True)
        check = shlex.split(call(["pkg-config", "--libs", "check"]))
        one_test = folder / "one_test.o"
        call(["gcc", "-c", str(self.source / "tests/checks/one_test.c"), "-o", str(one_test)])
        lives = self.tests.get("liblives.a", [])
        for name in list(self.programs):
            done = subprocess.run(["gcc", "-Wl,--wrap=_tcase_add_test", "-Wl,--wrap=_ck_assert_failed", "-o", str(folder / name),
                                   str(one_test), *self.tests[name], *lives, f"-L{library}", "-lmutant", *check, "-lm", "-pthread"],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode:
                print(f"left out: {name} does not link with a shared library: {done.stdout.strip().splitlines()[-1][:120]}")
                del self.programs[name]


# ---- tests -------------------------------------------------------------------------------------------------------------

class Test:
    """A function of a test program, or a part of its loop; what it takes and what it reaches."""

    def __init__(self, program, number, name, first, end, seconds=0.0):
        self.program, self.number, self.name, self.first, self.end, self.seconds = program, number, name, first, end, seconds

    def __str__(self):
        return f"{self.program} {self.number} {self.first} {self.end} {self.name}"

    def run(self, build, library, **environment):
        """'passed', 'failed', 'hung', or 'skipped'; adds what it took. The limits are wide: of a hang it is all the same."""
        scratch = library / f"scratch-{threading.get_ident()}"
        scratch.mkdir(exist_ok=True)
        child = subprocess.Popen([str(build.work / "programs" / self.program)], cwd=scratch, start_new_session=True,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env={**build.programs[self.program], "LD_LIBRARY_PATH": str(library), "TMPDIR": str(scratch),
                                      "ONE_TEST": f"{self.number} {self.first} {self.end}", **environment})
        most = int(3 + 4 * self.seconds) if self.seconds else 600
        for what, value in ((resource.RLIMIT_CPU, most), (resource.RLIMIT_AS, 16 << 30), (resource.RLIMIT_CORE, 0)):
            try:
                resource.prlimit(child.pid, what, (value, value))
            except ProcessLookupError:
                break # it has ended
        hung = threading.Timer(30 + 30 * self.seconds if self.seconds else 1800, lambda: os.killpg(child.pid, signal.SIGKILL))
        hung.start()
        _, status, usage = os.wait4(child.pid, 0)
        hung.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        try:
            os.killpg(child.pid, signal.SIGKILL) # what it has started
        except ProcessLookupError:
            pass
        shutil.rmtree(scratch, ignore_errors=True)
        self.took = usage.ru_utime + usage.ru_stime
        if child.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            return "hung"
        return {0: "passed", 77: "skipped"}.get(child.returncode, "failed")

    def parts(self):
        n = min(self.end - self.first, int(self.seconds / LONG) + 1, MOST_PARTS)
        cuts = [self.first + (self.end - self.first) * i // n for i in range(n + 1)]
        return [Test(self.program, self.number, self.name, first, end, self.seconds / n) for first, end in zip(cuts, cuts[1:])]


class Reach:
    """All tests, what each takes, and the lines of lib/ that it runs by gcov: kept in WORK/reach.jsonl."""

    def __init__(self, build, objects):
        self.build, self.lock, self.kept = build, threading.Lock(), build.work / "reach.jsonl"
        self.known = {}
        if self.kept.exists():
            self.known = {entry["key"]: entry for entry in map(json.loads, self.kept.read_text().splitlines())}
        self.notes, self.counting = build.work / "covered", build.work / "covered-library"
        build.library(self.counting, build.objects(self.notes, ["--coverage", "-O1"]).values(), ["--coverage"])
        self.library = digest(*objects.values())
        self.tests, self.lines = [], {}
        with concurrent.futures.ThreadPoolExecutor(build.jobs) as pool:
            for tests in pool.map(self.measure_program, sorted(build.programs)):
                for test, lines in tests:
                    self.tests.append(test)
                    for name, numbers in lines.items():
                        for number in numbers:
                            self.lines.setdefault((name, number), []).append(test)
        for tests in self.lines.values():
            tests.sort(key=lambda test: (test.seconds, str(test)))

    def measure_program(self, program):
        """[(test, {file: lines})] of a program's tests."""
        listed = subprocess.run([str(self.build.work / "programs" / program)], stdout=subprocess.PIPE, text=True,
                                env={**self.build.programs[program], "LD_LIBRARY_PATH": str(self.build.work / "library")}).stdout
        key = self.library + digest(self.build.work / "programs" / program)
        measured = []
        for words in (line.split() for line in listed.splitlines() if line.startswith("test ")):
            test = Test(program, int(words[1]), words[2], int(words[3]), int(words[4]))
            whole = self.recall(f"{key} {test}", test, self.time)
            test.seconds = whole.get("seconds", 0.0)
            for part in test.parts() if "seconds" in whole else ():
                told = self.recall(f"{key} {part} lines", part, self.count)
                if "lines" in told:
                    measured.append((part, told["lines"]))
        return measured

    def recall(self, key, test, measure):
        key = hashlib.sha256(key.encode()).hexdigest()
        if key not in self.known:
            entry = self.known[key] = {"key": key, **measure(test)}
            with self.lock, self.kept.open("a") as kept:
                kept.write(json.dumps(entry) + "\n")
        if "left out" in self.known[key]:
            print(f"left out: {test} {self.known[key]['left out']} without a mutant", flush=True)
        return self.known[key]

    def time(self, test):
        end = test.run(self.build, self.build.work / "library")
        return {"seconds": test.took} if end == "passed" else {"left out": end}

    def count(self, test):
        counts = self.build.work / "counts" / f"{test.program}-{test.number}-{test.first}"
        shutil.rmtree(counts, ignore_errors=True)
        counts.mkdir(parents=True)
        free = Test(test.program, test.number, test.name, test.first, test.end) # counting takes its time
        end = free.run(self.build, self.counting, GCOV_PREFIX=str(counts))
        if end != "passed":
            return {"left out": end + " while lines are counted,"}
        found = list(counts.rglob("*.gcda"))
        for one in found:
            one.with_suffix(".gcno").symlink_to(self.notes / (one.stem + ".gcno"))
        told = subprocess.run(["gcov", "--json-format", "--stdout", *map(str, found)], cwd=self.build.meson,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        shutil.rmtree(counts)
        lines = {}
        for one in (one for part in told.split("\n") if part for one in json.loads(part)["files"]):
            path = pathlib.Path(os.path.normpath(self.build.meson / one["file"]))
            if path.is_relative_to(self.build.source / "lib"):
                lines.setdefault(str(path.relative_to(self.build.source)), set()).update(
                    line["line_number"] for line in one["lines"] if line["count"])
        return {"lines": {name: sorted(numbers) for name, numbers in lines.items() if numbers}}


# ---- attempts ----------------------------------------------------------------------------------------------------------

class Attempts:
    """One mutant after another, on several threads; what is known is not tried again."""

    def __init__(self, build, objects, reach, within):
        self.build, self.objects, self.reach, self.within = build, objects, reach, within
        self.original = {name: path.read_bytes() for name, path in objects.items()}
        self.programs = {name: digest(build.work / "programs" / name) for name in build.programs}
        self.results, self.lock, self.number, self.known = build.work / "results.jsonl", threading.Lock(), 0, {}
        if self.results.exists():
            self.known = {entry["key"]: entry for entry in map(json.loads, self.results.read_text(encoding="utf-8").splitlines())}

    def tests_of(self, name, number):
        """The tests that reach a line and fit into the time."""
        chosen, seconds = [], 0.0
        stem = pathlib.Path(name).stem.split("_")[0]
        about = lambda test: stem in test.program or test.program == "test_misuse"
        for test in sorted(self.reach.lines.get((name, number), []), key=lambda test: not about(test)):
            seconds += test.seconds
            if chosen and seconds > self.within:
                break
            chosen.append(test)
        return chosen

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
            end = test.run(self.build, place)
            if end not in ("passed", "skipped"):
                return f"killed ({end})", str(test)
        return "survived", None

    def __call__(self, mutant):
        name, number, rule, line = mutant
        text = (self.build.source / name).read_text(encoding="utf-8").split("\n")
        key = hashlib.sha256("\n".join([name, *text, str(number), line]).encode()).hexdigest()
        tests = self.tests_of(name, number + 1)
        ran = hashlib.sha256("\n".join(f"{test} {self.programs[test.program]}" for test in tests).encode()).hexdigest()
        if key in self.known and (self.known[key]["result"] != "survived" or self.known[key]["tests"] == ran):
            return self.known[key]
        entry = {"key": key, "file": name, "line": number + 1, "rule": rule, "was": text[number].strip(), "is": line.strip(), "tests": ran,
                 "run": len(tests), "reach": len(self.reach.lines[name, number + 1])}
        text[number] = line
        with self.lock:
            self.number += 1
            place = self.build.work / "mutants" / str(self.number)
        place.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        entry["result"], entry["by"] = self.result_of(place, name, "\n".join(text), tests)
        entry["took"] = round(time.monotonic() - started, 1)
        shutil.rmtree(place, ignore_errors=True)
        with self.lock, self.results.open("a", encoding="utf-8") as results:
            results.write(json.dumps(entry) + "\n")
        return entry


def draw(build, reach, only, seed):
    """All mutants of lines that tests reach, in an order that a change elsewhere leaves alone."""
    drawn = []
    for name in sorted(build.commands):
        seen = {}
        for mutant in mutants_of((build.source / name).read_text(encoding="utf-8")) if only in name else ():
            number, rule, line = mutant
            if (name, number + 1) in reach.lines:
                same = seen[rule, line] = seen.get((rule, line), 0) + 1
                place = hashlib.sha256(f"{seed}\n{name}\n{rule}\n{line}\n{same}".encode()).hexdigest()
                drawn.append((place, (name, *mutant)))
    return [mutant for _, mutant in sorted(drawn)]


def again(source, everything, results):
    """Those of the mutants that survived according to a file of results, of this version or an older one: by file, rule and text."""
    last = {}
    for entry in map(json.loads, results.read_text(encoding="utf-8").splitlines()):
        last[entry["file"], entry["rule"], entry["was"], entry["is"]] = entry["result"]
    lines = {name: (source / name).read_text(encoding="utf-8").split("\n") for name in {mutant[0] for mutant in everything}}
    was = lambda name, number: lines[name][number].strip()
    return [(name, number, rule, line) for name, number, rule, line in everything
            if last.get((name, rule, was(name, number), line.strip())) == "survived"]


def name_of(source, entry):
    """As in mutants-accepted: of several equal lines of a file the second one ends in " #2"."""
    lines = (source / entry["file"]).read_text(encoding="utf-8").split("\n")
    n = sum(line.strip() == entry["was"] for line in lines[:entry["line"]])
    return f"{entry['file']} {entry['rule']}: {entry['was']}" + (f" #{n}" if n > 1 else "")


def read_accepted(source):
    listing = source / "tests/checks/mutants-accepted"
    lines = listing.read_text(encoding="utf-8").splitlines() if listing.exists() else []
    return {line.rsplit(" | ", 1)[0] for line in lines if line and not line.startswith("#")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--sample", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--within", type=float, default=300.0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--again", type=pathlib.Path)
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    build = Build(asked.source.resolve(), asked.work.resolve(), asked.jobs)
    objects = build.objects(build.work / "objects")
    if not build.library(build.work / "library", objects.values()):
        sys.exit("the library does not link")
    build.link_tests(build.work / "programs", build.work / "library")
    reach = Reach(build, objects)
    everything = draw(build, reach, asked.only, asked.seed)
    if asked.again:
        everything = again(build.source, everything, asked.again)
    print(f"{len(build.commands)} files, {len(reach.lines)} lines reached by {len(reach.tests)} tests of {len(build.programs)} programs, which "
          f"take {sum(test.seconds for test in reach.tests):.0f} s; {len(everything)} mutants possible", flush=True)
    attempt, accepted, counted = Attempts(build, objects, reach, asked.within), read_accepted(build.source), {"killed": 0, "open": 0, "accepted": 0}
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
                    name = name_of(build.source, entry)
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
