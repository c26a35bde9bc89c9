#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""adaptau-train-mpi beside adaptau-train: the same numbers on every grid, with every policy and loss, the bytes that the cost
model says, and nothing lost when a process is killed.

    run_scale.py [--small] FOLDER_OF_PROGRAMS [DATA_DIR]

--small: what fits two minutes and needs no data. Prints a line for each check, "ok" or "FAILED"; the exit status is 1 where one
failed. Speed is printed, and fails nothing: it depends on what else the machine does."""
import ctypes
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

COMMON = ["--protocol", "paper", "--temperature", "eq14", "--init", "sphere", "--soft-targets", "0", "--popularity-prior", "0", "--json", "--quiet"]
GRIDS = [(2, 1), (1, 2), (2, 2)]
FINE_GRIDS = GRIDS + [(1, 4)]
PERSONAL = ["none", "eq16", "eq15", "released"]
OTHER_LOSSES = ["bce", "mse", "ccl"] # personal temperatures go with the softmax alone
TOLERANCE = 1e-5
BYTES_TOLERANCE = 0.01
failed = 0


def report(fine, what):
    global failed
    failed += not fine
    print(("ok      " if fine else "FAILED  ") + what, flush=True)


LAUNCHER_SECONDS = 10
JOB_SECONDS = 280
launchers_hung = 0


def environment():
    own = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    own["OMPI_MCA_rmaps_base_oversubscribe"] = "1"
    own["OMPI_MCA_hwloc_base_binding_policy"] = "none"
    return own


def members(word):
    """Processes of the job whose command line has this word, the launcher aside: their parents by their numbers."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if word in (entry / "cmdline").read_bytes().decode(errors="replace") and \
                    (entry / "comm").read_text().strip() == "adaptau-train-m":
                found[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            pass
    return found


def workers(word):
    """Processes of the job that compute: children of those that guard them."""
    found = members(word)
    return [pid for pid, parent in found.items() if parent in found]


def start(command):
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())


def finish(job, word):
    """What a job printed, and its exit status. A job has ended when all its processes have. Open MPI 4.1's launcher now and then
    waits for a lock of its own after that (PMIx_server_finalize), and for ever: it is killed then, and counted."""
    global launchers_hung
    deadline, alone_since = time.monotonic() + JOB_SECONDS, None
    while True:
        try:
            out, errors = job.communicate(timeout=1)
            return out, errors, job.returncode
        except subprocess.TimeoutExpired:
            now = time.monotonic()
            if members(word):
                alone_since = None
            elif alone_since is None:
                alone_since = now
            hung = alone_since is not None and now - alone_since > LAUNCHER_SECONDS
            if hung or now > deadline:
                job.kill()
                out, errors = job.communicate()
                if not hung:
                    raise RuntimeError(f"{' '.join(job.args)} did not end:\n{errors.decode(errors='replace')}")
                launchers_hung += 1
                return out, errors, 0 if out.rstrip().endswith(b"}") else 1


class Programs:
    def __init__(self, folder):
        self.shard = str(folder / "adaptau-shard")
        self.train = str(folder / "adaptau-train")
        self.mpi = str(folder / "adaptau-train-mpi")
        self.library = ctypes.CDLL(str(folder.parent / "lib" / "libadaptau.so.1"))

    def single(self, data, threads, *options):
        command = [self.train, str(data), "--threads", str(threads), *COMMON, *options]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=280).stdout)

    def command(self, data, grid, *options):
        return ["mpirun", "-np", str(grid[0] * grid[1]), self.mpi, str(data), "--grid", "%dx%d" % grid, "--threads", "1",
                *COMMON, *options]

    def grid(self, data, grid, *options):
        return self.run(self.command(data, grid, *options), data)

    @staticmethod
    def run(command, data):
        out, errors, code = finish(start(command), str(data))
        if code != 0:
            raise RuntimeError(f"{' '.join(command)}: exit status {code}\n{errors.decode(errors='replace')}")
        return json.loads(out)


def make_data(folder, n_users, n_items, mean):
    """Users that like the items of a group, and now and then others."""
    draw = random.Random(7)
    folder.mkdir()
    with open(folder / "train.txt", "w") as train, open(folder / "test.txt", "w") as test:
        for user in range(n_users):
            group, items = user % 20, set()
            for _ in range(draw.randint(mean // 2, mean * 3 // 2)):
                item = draw.randrange(n_items)
                items.add(item if draw.random() < 0.2 else item // 20 * 20 + group)
            items = sorted(i for i in items if i < n_items)
            held = set(items[:: max(4, len(items) // 3)])
            train.write(" ".join(map(str, [user] + [i for i in items if i not in held])) + "\n")
            test.write(" ".join(map(str, [user] + sorted(held))) + "\n")
    return folder


def make_sparse_data(folder):
    """Users whose few items lie close together, so that most ranges of items do not know them, and some that have no train
    pairs at all or no test pairs; items that nobody has."""
    draw = random.Random(5)
    folder.mkdir()
    with open(folder / "train.txt", "w") as train, open(folder / "test.txt", "w") as test:
        for user in range(300):
            first = draw.randrange(380)
            items = sorted(draw.sample(range(first, first + 20), draw.randint(2, 7)))
            if user % 10 != 3:
                train.write(" ".join(map(str, [user] + items[1:])) + "\n")
            if user % 7 != 2:
                test.write(f"{user} {items[0]}\n")
        test.write("299 399\n")
    return folder


# ---- 1: every grid has the single process's numbers ------------------------------------------------------------------

def apart(a, b):
    """The largest relative difference of what both report, and where it is."""
    keys = [k for k in a if isinstance(a[k], (int, float)) and k in b and "seconds" not in k and "bytes" not in k
            and k not in ("threads", "processes", "search_epochs")]
    return max((abs(b[k] - a[k]) / abs(a[k]) if a[k] else abs(b[k]), k) for k in keys)


def check_grids(programs, name, data, *options):
    single = programs.single(data, 2, *options)
    for grid in GRIDS:
        first, second = programs.grid(data, grid, *options), programs.grid(data, grid, *options)
        difference, where = apart(single, first)
        report(difference <= TOLERANCE,
               f"{name} {grid[0]}x{grid[1]}: losses, tau0 and metrics within {difference:.1e} ({where})")
        report(first["tables"] == second["tables"], f"{name} {grid[0]}x{grid[1]}: twice the same bits ({first['tables']})")
        sent, predicted = first["step_bytes_sent"], first["step_bytes_predicted"]
        report(abs(sent / predicted - 1) <= BYTES_TOLERANCE,
               f"{name} {grid[0]}x{grid[1]}: {sent} bytes sent in steps, {sent / predicted:.5f} of the model's")


def check_policies(programs, data, grids):
    """Personal temperatures and losses, where ranges know few of the users."""
    cases = [["--personal", p] for p in PERSONAL] + [["--loss", loss] for loss in OTHER_LOSSES]
    for case in cases:
        options = ["--epochs", "4", "--dim", "8", *case]
        single = programs.single(data, 2, *options)
        for grid in grids if case[0] == "--personal" else grids[-1:]:
            difference, where = apart(single, programs.grid(data, grid, *options))
            report(difference <= TOLERANCE, f"sparse users, {' '.join(case)}, {grid[0]}x{grid[1]}: losses, tau0 and metrics within "
                                            f"{difference:.1e} ({where})")


def check_temperature(programs, data, folder, grids):
    """The first process finds the temperature that one process alone finds, and a job that goes on does not search again."""
    options = ["--temperature", "held-out", "--epochs", "6", "--dim", "8"]
    single = programs.single(data, 2, *options)
    for grid in grids:
        path = str(folder / ("tuned%dx%d" % grid))
        found = programs.grid(data, grid, *options, "--checkpoint", path)
        difference, where = apart(single, found)
        report(single["tau_trials"] >= 3 and difference <= TOLERANCE,
               f"held-out temperature, {grid[0]}x{grid[1]}: tau0 {found['tau0']:.4f} and metrics within {difference:.1e} ({where})")
        again = programs.grid(data, grid, *options, "--checkpoint", path, "--resume")
        report(again["tables"] == found["tables"] and again["tau_trials"] == found["tau_trials"] and
               again["tune_seconds"] == found["tune_seconds"], "and a job that goes on takes it from the checkpoint")


def fold_users(library, path, users, dim):
    """Rows that a model's file gives to new users with these items, and what it scores all items for them."""
    context, model, fold = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    for name in ("context", "model", "fold_in"):
        getattr(library, f"adaptau_{name}_destroy").argtypes = [ctypes.c_void_p]
    starts = (ctypes.c_int64 * (len(users) + 1))(*(sum(map(len, users[:k])) for k in range(len(users) + 1)))
    items = (ctypes.c_int32 * max(1, starts[len(users)]))(*(item for user in users for item in user))
    rows, taus = (ctypes.c_float * (len(users) * dim))(), (ctypes.c_float * len(users))()
    failures = [library.adaptau_context_create(None, ctypes.byref(context), None),
                library.adaptau_model_load(context, os.fsencode(path), ctypes.byref(model), None),
                library.adaptau_fold_in_create(model, None, None, ctypes.byref(fold), None),
                library.adaptau_fold_in_users(fold, len(users), starts, items, None, rows, taus, None)]
    library.adaptau_fold_in_destroy(fold)
    library.adaptau_model_destroy(model)
    library.adaptau_context_destroy(context)
    return (list(rows), list(taus)) if not any(failures) else None


def read_floats(path, name):
    content = pathlib.Path(path).read_bytes()
    size = struct.unpack("<q", content[:8])[0]
    begin, end = json.loads(content[8:8 + size])[name]["data_offsets"]
    return struct.unpack(f"<{(end - begin) // 4}f", content[8 + size + begin:8 + size + end])


def check_saved(programs, data, folder, grids):
    """The file of a job is that of one process: its tables and its prior, and the rows and temperatures of new users that are folded
    in by nothing but the file."""
    users = [[1, 5, 9], [100, 101, 250], [300], [], [37, 200, 201, 202, 399]]
    late = folder / "late-users"
    late.mkdir()
    for name in ("train.txt", "test.txt"): # the first range of users has nothing to train on
        (late / name).write_text("".join(line for line in open(data / name) if name == "test.txt" or int(line.split()[0]) >= 150))
    cases = [(data, ["--personal", "eq16", "--epochs", "6"]), (late, ["--personal", "eq16", "--epochs", "3", "--eval-every", "3"]),
             (data, ["--personal", "released", "--positives", "inside", "--epochs", "3"]),
             (data, ["--loss", "bce", "--popularity-prior", "0.3", "--epochs", "3"])]
    for data, case in cases:
        options = ["--dim", "8", *case]
        one = str(folder / "one-process")
        single = programs.single(data, 2, *options, "--save", one)
        want = fold_users(programs.library, one, users, 8)
        for grid in grids:
            path = folder / ("saved%dx%d" % grid)
            found = programs.grid(data, grid, *options, "--save", str(path))
            got = fold_users(programs.library, path, users, 8)
            difference, where = apart(single, found)
            names = ["user_embeddings", "item_embeddings"] + ["item_bias"] * ("--popularity-prior" in case)
            pairs = [(a, b) for name in names for a, b in zip(read_floats(one, name), read_floats(path, name))]
            pairs += list(zip(want[0] + want[1], got[0] + got[1])) if want and got else [(0.0, 1.0)]
            worst = max(abs(a - b) for a, b in pairs)
            report(worst <= TOLERANCE and difference <= TOLERANCE and single["best_epoch"] == found["best_epoch"],
                   f"{data.name}, {' '.join(case)}, {grid[0]}x{grid[1]}: --save writes one process's file: tables and new users within {worst:.1e}")
    refused = programs.command(data, (1, 2), "--dim", "8", "--epochs", "2", "--checkpoint", str(folder / "without-save"))
    programs.run(refused, str(folder / "without-save"))
    _, errors, code = finish(start(refused + ["--resume", "--save", str(folder / "late")]), str(folder / "without-save"))
    report(code != 0 and b"the best epoch so far" in errors and not (folder / "late").exists(),
           "--save that comes after the best epoch is refused")


def manifest_epoch(path):
    try:
        return int(open(path).readline().split()[3])
    except (OSError, IndexError, ValueError):
        return 0


def check_resume(programs, data, folder, cases):
    """A job that is killed between its epochs goes on to the bits of one that is not, on its own grid, and to the same numbers on
    another."""
    for case, grid, other in cases:
        options = ["--epochs", "40", "--dim", "8", *case]
        path = str(folder / ("resume" + "".join(case) + "%dx%d" % grid))
        want = programs.grid(data, grid, *options)
        job = start(programs.command(data, grid, *options, "--checkpoint", path))
        while job.poll() is None and manifest_epoch(path) < 2:
            time.sleep(0.005)
        for pid in workers(path)[:1]:
            os.kill(pid, signal.SIGKILL)
        finish(job, path)
        epoch = manifest_epoch(path)
        saved = folder / "saved"
        shutil.rmtree(saved, ignore_errors=True)
        saved.mkdir()
        for file in folder.glob(os.path.basename(path) + "*"):
            shutil.copy(file, saved)
        got = programs.grid(data, grid, *options, "--checkpoint", path, "--resume")
        what = f"sparse users, {' '.join(case)}, {grid[0]}x{grid[1]} killed after epoch {epoch}"
        report(epoch < 40 and got["tables"] == want["tables"] and got["loss"] == want["loss"],
               f"{what}: goes on to the same bits")
        got = programs.grid(data, other, *options, "--checkpoint", str(saved / os.path.basename(path)), "--resume")
        difference, where = apart(want, got)
        report(difference <= TOLERANCE, f"{what}: goes on as {other[0]}x{other[1]} within {difference:.1e} ({where})")


def check_damage(programs, data, folder):
    """A checkpoint in which any bit has changed is refused, manifest and files."""
    options = ["--epochs", "3", "--dim", "8", "--personal", "eq16"]
    path = folder / "damaged"
    programs.grid(data, (1, 2), *options, "--checkpoint", str(path))
    command = programs.command(data, (1, 2), *options, "--checkpoint", str(path), "--resume")
    draw, accepted, tried = random.Random(3), [], 0
    for file in [path] + sorted(folder.glob("damaged.e*")):
        content = file.read_bytes()
        n = 12 if file == path else 3
        for at in sorted(draw.sample(range(len(content)), n)):
            changed = bytearray(content)
            changed[at] ^= 1 << draw.randrange(8)
            file.write_bytes(changed)
            _, errors, code = finish(start(command), str(path))
            tried += 1
            if code == 0 or b"checkpoint" not in errors:
                accepted.append((file.name, at))
        file.write_bytes(content)
    report(not accepted, f"{tried} checkpoints with one changed bit are refused {accepted or ''}")


def write_as(data, name, folder):
    """One set of a data folder as tab-separated pairs and as a safetensors file of compressed rows."""
    rows = {int(w[0]): list(map(int, w[1:])) for w in (line.split() for line in open(data / f"{name}.txt"))}
    tabs, offsets, items = folder / f"{name}.tsv", [0], []
    for user in range(max(rows) + 1):
        items += rows.get(user, [])
        offsets.append(len(items))
    tabs.write_text("".join(f"{u}\t{i}\n" for u in sorted(rows) for i in rows[u]))
    numbers = struct.pack(f"<{len(offsets)}q", *offsets), struct.pack(f"<{len(items)}i", *items)
    end = len(numbers[0]) + len(numbers[1])
    header = json.dumps({"indptr": {"dtype": "I64", "shape": [len(offsets)], "data_offsets": [0, len(numbers[0])]},
                         "indices": {"dtype": "I32", "shape": [len(items)], "data_offsets": [len(numbers[0]), end]}}).encode()
    tensors = folder / f"{name}.safetensors"
    tensors.write_bytes(struct.pack("<q", len(header)) + header + b"".join(numbers))
    return [data / f"{name}.txt", tabs, tensors]


def check_shards(programs, data, folder):
    """Three formats make the same shards, and a job that reads shards has the bits of one that reads text."""
    inputs = list(zip(write_as(data, "train", folder), write_as(data, "test", folder)))
    made = [folder / f"shards{k}" for k in range(len(inputs))]
    for (train, test), out in zip(inputs, made):
        subprocess.run([programs.shard, str(train), str(test), str(out), "--users", "3", "--items", "4", "--memory", "1"],
                       check=True, stdout=subprocess.DEVNULL)
    names = sorted(p.name for p in made[0].iterdir())
    same = all(sorted(p.name for p in m.iterdir()) == names for m in made) and all(
        (m / n).read_bytes() == (made[0] / n).read_bytes() for m in made[1:] for n in names)
    report(same and len(names) == 25, "adaptau-shard: text, tab-separated pairs and safetensors make the same 25 files")
    text, shards = (programs.grid(d, (2, 2), "--epochs", "2") for d in (data, made[0]))
    report(text["tables"] == shards["tables"], "shards of 3x4 ranges train a 2x2 grid to the bits that text does")


# ---- 2: how fast processes are beside threads ------------------------------------------------------------------------

def show_speed(programs, data, rounds):
    seconds = {"threads": [], (2, 1): [], (1, 2): []}
    for _ in range(rounds):
        seconds["threads"].append(programs.single(data, 2, "--epochs", "1", "--cutoffs", "20")["train_seconds"])
        for grid in ((2, 1), (1, 2)):
            seconds[grid].append(programs.grid(data, grid, "--epochs", "1", "--cutoffs", "20")["train_seconds"])
    speeds = {grid: min(seconds["threads"]) / min(seconds[grid]) for grid in ((2, 1), (1, 2))}
    print("speed   1x2 of one thread, the grid that sends the least: %.2f of the speed of two threads; 2x1: %.2f (load average "
          "%.1f)" % (speeds[1, 2], speeds[2, 1], os.getloadavg()[0]), flush=True)


# ---- 3: kills --------------------------------------------------------------------------------------------------------

def kill_one(programs, data, grid, path, draw, options, longest):
    """Start, kill a worker at a random moment, and go on. Returns the report of the job that finished, and what was killed."""
    command = programs.command(data, grid, *options, "--checkpoint", path, "--save", path + ".model")
    job = start(command)
    time.sleep(draw.uniform(0, longest))
    victims = workers(path)
    if victims:
        try:
            os.kill(draw.choice(victims), signal.SIGKILL)
        except ProcessLookupError:
            victims = []
    started = time.monotonic()
    out, errors, code = finish(job, path)
    line = [w for w in errors.decode(errors="replace").splitlines() if "was killed by signal 9" in w]
    told = not victims or code == 0 or (len(line) > 0 and "--resume" in line[0])
    result = programs.run(command + ["--resume"], path) if code else json.loads(out)
    return result, told, time.monotonic() - started if code else 0.0


def check_kills(programs, data, folder, n):
    draw = random.Random(11)
    options = ["--epochs", "8", "--dim", "16", "--personal", "eq16"]
    want, longest = {}, {}
    for grid in GRIDS:
        started = time.monotonic()
        saved = folder / ("undisturbed%dx%d" % grid)
        want[grid] = programs.grid(data, grid, *options, "--save", str(saved))["tables"], saved.read_bytes()
        longest[grid] = time.monotonic() - started
    same = told = killed = 0
    for k in range(n):
        grid = GRIDS[k % len(GRIDS)]
        path = folder / f"checkpoint{k}"
        result, line, seconds = kill_one(programs, data, grid, str(path), draw, options, longest[grid])
        same += (result["tables"], path.with_name(path.name + ".model").read_bytes()) == want[grid]
        told += line
        killed += seconds > 0
    report(same == n, f"{n} SIGKILLs at random moments, {killed} of them in time: {same} continued jobs have the bits of an "
                      "undisturbed one, and save its file")
    report(told == n, "each ended its job with a line that names the rank and the command that goes on")
    # Another number of processes goes on, too, with the same numbers.
    path = str(folder / "other")
    first = programs.command(data, (2, 2), *options, "--checkpoint", path)
    job = start(first)
    while job.poll() is None and not os.path.exists(path):
        time.sleep(0.02)
    for pid in workers(path)[:1]:
        os.kill(pid, signal.SIGKILL)
    finish(job, path)
    other = programs.grid(data, (1, 2), *options, "--checkpoint", path, "--resume")
    single = programs.grid(data, (1, 1), *options)
    difference, where = apart(single, other)
    report(difference <= TOLERANCE, f"2x2 killed, 1x2 goes on: within {difference:.1e} ({where})")


def main():
    arguments = sys.argv[1:]
    small = arguments[:1] == ["--small"]
    folder = pathlib.Path(arguments[small])
    data = pathlib.Path(arguments[small + 1]) if len(arguments) > small + 1 else None
    programs = Programs(folder)
    with tempfile.TemporaryDirectory() as made:
        work = pathlib.Path(made)
        synthetic = make_data(work / "synthetic", 600, 900, 24)
        sparse = make_sparse_data(work / "sparse")
        check_policies(programs, sparse, [(2, 2), (1, 4)] if small else FINE_GRIDS)
        cases = [(["--personal", "eq16"], (1, 4), (2, 1))]
        if not small:
            cases += [(["--personal", p], grid, (2, 1) if grid != (2, 1) else (1, 1)) for p in PERSONAL for grid in GRIDS]
            cases += [(["--loss", loss], (2, 2), (1, 2)) for loss in OTHER_LOSSES]
        check_temperature(programs, synthetic, work, GRIDS[-1:] if small else FINE_GRIDS)
        check_resume(programs, sparse, work, cases)
        check_damage(programs, sparse, work)
        check_saved(programs, sparse, work, [(1, 2), (2, 1)] if small else FINE_GRIDS)
        if small:
            check_grids(programs, "synthetic", synthetic, "--epochs", "3", "--personal", "eq16")
            check_shards(programs, synthetic, work)
        for name in () if small else ("movielens-1m", "gowalla"):
            if data and (data / name / "train.txt").exists():
                check_grids(programs, name, data / name, "--epochs", "3", "--eval-every", "3")
            else:
                print(f"skipped {name}: " + (f"not in {data}" if data else "ADAPTAU_DATA_DIR names no folder of data sets"))
        if not small and data and (data / "gowalla" / "train.txt").exists():
            show_speed(programs, data / "gowalla", 3)
        check_kills(programs, synthetic, work, 3 if small else 20)
    if launchers_hung:
        print(f"{launchers_hung} times the launcher hung after its job had ended, and was killed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
