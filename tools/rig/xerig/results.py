# SPDX-License-Identifier: MIT
"""Results of a run: files under out/<run>/, counts, and the one line at the end."""

import json
import os
import re
import subprocess
import time
from dataclasses import asdict

from . import errors, expect, junit, paths


def require_out():
    """UsageError where no run could leave its files; asked before minutes of building."""
    try:
        paths.OUT.mkdir(exist_ok=True)
    except OSError as e:
        raise errors.UsageError(f"cannot make {paths.OUT}: {e.strerror}") from e
    if not os.access(paths.OUT, os.W_OK | os.X_OK):
        raise errors.UsageError(f"cannot write to {paths.OUT}: the checkout is another user's, or read-only")


def new_run_dir(what):
    """Makes out/<time>-<what>/ and points out/latest at it."""
    paths.OUT.mkdir(exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for tail in ("", *(f"-{i}" for i in range(2, 100))):
        run = paths.OUT / f"{stamp}-{what}{tail}"
        try:
            run.mkdir()
            break
        except FileExistsError:
            continue
    link = paths.OUT / f".latest.{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(run.name)
    link.replace(paths.OUT / "latest")
    return run


def repository_state():
    """Commit of this repository, with "+changes" when the work tree differs; "unknown" without git."""
    done = subprocess.run(["git", "-C", str(paths.REPO), "describe", "--always", "--dirty=+changes"],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def repeat_command(res):
    """The command that runs this one cell or test again."""
    f = res.facts
    if "test" in f:
        words = [f"make {f['kind']}", f"BASE={f['base']}", f"SIDE={f['side']}", f"TESTS='{f['test']}'"]
        words += [f"{k.upper()}={f[k]}" for k, usual in (("gpu", "lnl"), ("iommu", "on")) if f[k] != usual]
        return " ".join(words)
    words = ["make matrix", f"BASE={f['base']}", f"SIDE={f['side']}", f"STATE={f['state']}", f"WAY={f['way']}",
             f"ORDER={f['order']}", f"IOMMU={f['iommu']}"]
    if f["kernel"] != "plain":
        words.append(f"KERNEL={f['kernel']}")
    if f["gpu"] != "lnl":
        words.append(f"GPU={f['gpu']}")
    return " ".join(words)


def cell_dir(run, res):
    """Where the files of one cell are."""
    f = res.facts
    name = re.sub(r"[^\w.@+-]", ".", res.cell.name)
    return run / f"{f['base']}-{f['side']}-iommu-{f['iommu']}" / name


def save_cell(run, res):
    """Kernel-log slice and witness log of one cell."""
    where = cell_dir(run, res)
    where.mkdir(parents=True, exist_ok=True)
    (where / "klog.txt").write_text("\n".join(res.log) + "\n")
    (where / "witness.json").write_text("".join(json.dumps(e) + "\n" for e in res.witness))


def as_dict(run, res):
    """One result as results.json has it."""
    return {
        "cell": res.cell.name, **res.facts, "verdict": res.verdict, "expected": res.expected, "reason": res.reason,
        "leaked_mappings": res.leaked, "splats": res.splats,
        "remove_ms": None if res.remove_ns is None else round(res.remove_ns / 1e6, 3),
        "seconds": round(res.seconds, 3), "times": {k: round(v, 4) for k, v in res.times.items()},
        "oracles": {n: [f.as_dict() for f in res.findings if f.oracle == n] for n in res.oracles()},
        "held": res.held, "replies": res.replies, "skip": res.skip,
        "samples": {k: asdict(v) for k, v in res.samples.items()},
        "allowed_log_lines": [{"title": e.title, "reason": e.allowed} for e in res.entries if e.allowed],
        "boot": res.boot, "files": str(cell_dir(run, res).relative_to(run)), "repeat": repeat_command(res),
    }


def counts(results):
    """passed, failed, skipped: as CI counts them, against the expectations."""
    states = [junit.status_of(r) for r in results]
    return states.count("passed"), states.count("failed") + states.count("error"), states.count("skipped")


def write(run, meta, results):
    """results.json and junit.xml; returns the data of the first."""
    data = {**meta, "results": [as_dict(run, r) for r in results]}
    (run / "results.json").write_text(json.dumps(data, indent=1) + "\n")
    (run / "command").write_text(meta["command"] + "\n")
    junit.write(run / "junit.xml", run.name, results)
    return data


def judge(results):
    """Applies the expectation files to the results; returns the places of lines that nothing speaks for any more."""
    lists = {}
    for res in results:
        key = (res.facts["base"], res.facts["side"], res.facts.get("kind"))
        if key not in lists:
            lists[key] = expect.load(*key)
        expect.apply(lists[key], res)
    return [where for lines in lists.values() for where in expect.idle(lines)]


def summary(results, side):
    """One side in words: '33 cells: 30 clean, 3 not (3 expected)'."""
    mine = [r for r in results if r.facts["side"] == side]
    clean = sum(r.verdict == "clean" for r in mine)
    skip = sum(r.verdict == "skip" for r in mine)
    bad = [r for r in mine if r.verdict not in ("clean", "skip")]
    words = f"{clean} of {len(mine)} clean"
    if bad:
        known = sum(not r.odd for r in bad)
        kinds = {k: sum(r.verdict == k for r in bad) for k in ("dirty", "hang", "infra")}
        words += ", " + ", ".join(f"{n} {k}" for k, n in kinds.items() if n)
        words += f" ({known} known)" if known else ""
    return words + (f", {skip} skipped" if skip else "")
