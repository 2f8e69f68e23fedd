# SPDX-License-Identifier: MIT
"""Static checks of kernel files: what a tool says about the patched tree and not about the base.

Lines are compared without line numbers, as multisets: code that moved is not a finding.
"""

import collections
import hashlib
import json
import posixpath
import re
import shutil

from . import buildtree, checker, cmd, errors, kconfig, kernel, paths

# tool -> (object folder, compiler); gcc's run gives two tools' findings.
COMPILERS = {"gcc": ("lint", "gcc", ("w1", "sparse")), "clang": ("lint-clang", "clang-19", ("clang",))}
CLANG = COMPILERS["clang"][1]   # the newest that Debian 12 and 13 both have; 7.3 asks for 17
HEADERS = "*.h"  # stands for all headers where results are kept by file
MACROS = paths.CHECKS / "macros.h"
INCLUDED = re.compile(rb'^#include "([\w./-]+\.c)"', re.M)
FILE = r"((?:drivers|include|kernel|lib|Documentation)/[\w./-]+)"
PLACE = re.compile(rf"^(?:\./|\.\./|/\S*?/src/)?{FILE}:\d+(?::\d+)?(?:-\d+)?:\s*")
# kernel-doc since it is a Python program.
DOC = re.compile(rf"^(?:Warning|Error): {FILE}:\d+ ")


def normal(line):
    """A finding without line and column numbers and without the tree's own path; None if it is none."""
    m = PLACE.match(line) or DOC.match(line)
    if not m:
        return None
    text = re.sub(r"(line |at |:)[0-9]+", r"\1N", line[m.end():])
    return f"{m[1]}: {text.strip()}"


def findings(text, only=None):
    """Sorted findings in a tool's output; only: files they must be in."""
    found = [normal(s) for s in text.splitlines()]
    return sorted(f for f in found if f and ": note: " not in f and (only is None or f.split(":", 1)[0] in only))


def _file(finding):
    return finding.split(":", 1)[0]


def fresh(now, before):
    """Findings of now that before does not have as often."""
    return sorted((collections.Counter(now) - collections.Counter(before)).elements())


def compiled(files):
    """The files of a list that are compiled on their own."""
    return sorted(f for f in files if f.startswith("drivers/") and f.endswith(".c"))


def parts(overlay):
    """{file of an overlay: the file that is compiled with it in it}: a suite that tests static functions of that."""
    found = {}
    for path, data in overlay.items():
        here = posixpath.dirname(path)
        for name in INCLUDED.findall(data or b"") if path.endswith(".c") else ():
            # Beside the file that includes it, or from the driver's folder
            for folder in (here, posixpath.dirname(here)):
                place = posixpath.normpath(posixpath.join(folder, name.decode()))
                if place in overlay:
                    found[place] = path
    for f, by in found.items():
        while by in found:
            by = found[by]
        found[f] = by
    return found


class Linter:
    """Runs the tools on one tree of a base. The caller holds the lock `build-BASE`."""

    def __init__(self, cache, base, source, compiler="gcc"):
        """compiler: a key of COMPILERS; each has an object folder of its own."""
        self.cache, self.base, self.source = cache, base, source
        self.name, self.cc, self.tools = COMPILERS[compiler]
        self.built = buildtree.BuildTree(cache, base, source)
        self.objects = self.built.objects(self.name)
        self.asked = kconfig.options("lint", base.name, "base")

    def _lay(self, overlay):
        self.built.lay(overlay, self.name)
        compiler = [f"CC={self.cc}"]
        if kernel.configured(self.built, self.objects, self.asked, overlay, self.cache, compiler):
            kernel.Make(self.cache, self.built.src, self.objects)(
                f"{self.base.name}: preparing the checks", ["prepare", "modules_prepare"], compiler, quiet=True)

    def compile(self, overlay, files):
        """{tool: findings}: what gcc W=1 ("w1") and sparse, or clang W=1 ("clang"), say about these .c files, and about
        those of the headers that they include.

        Cached by content of the overlay; a base is asked once per file.
        """
        names = [f for f in compiled(files) if overlay.get(f, b"") is not None and (
            f in overlay or (self.source.path / f).exists())]
        stamp = [4, self.source.key, self.asked, buildtree.hashes(overlay)] + [self.cc] * (self.cc != "gcc")
        key = hashlib.sha256(json.dumps(stamp, sort_keys=True).encode()).hexdigest()[:16]
        kept = self.cache.check / f"{self.base.name}-{key}.json"
        known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        todo = [f for f in names if f not in known]
        if todo:
            self._lay(overlay)
            headers = known.get(HEADERS, {})
            known.update(self._compile(todo, "patched" if overlay else "unpatched", parts(overlay)))
            known[HEADERS] = {t: sorted({*said, *headers.get(t, ())}) for t, said in known[HEADERS].items()}
            self.built.built(overlay, self.name)
            kept.write_text(json.dumps(known), encoding="utf-8")
        mine = {f for f in files if f.endswith(".h")}
        of_headers = known.get(HEADERS, {})
        return {tool: sorted([s for f in names for s in known[f][tool]] +
                             [s for s in of_headers.get(tool, ()) if _file(s) in mine]) for tool in self.tools}

    def _compile(self, files, side, included):
        # What is a part of another file is compiled with that.
        targets = sorted({included.get(f, f)[:-2] + ".o" for f in files})
        make = kernel.Make(self.cache, self.built.src, self.objects)
        for t in targets:
            (self.objects / t).unlink(missing_ok=True)
        w1 = make(f"{self.base.name} {side}: {self.cc} W=1, {len(files)} files", targets, ["W=1", f"CC={self.cc}"])
        said = {self.tools[0]: findings("\n".join(w1))}
        if "sparse" in self.tools:
            check = " ".join(map(str, checker.argv(self.source, self.cache)))
            # C=2 asks sparse about files that need no compiling too.
            sparse = make(f"{self.base.name} {side}: sparse, {len(files)} files", targets,
                          ["W=1", "C=2", f"CHECK={check}"])
            if any(checker.REFUSED in s for s in sparse):
                raise errors.InfraError(f"{self.base.name}: kbuild did not run sparse: {check} {checker.REFUSED}")
            gcc = collections.Counter(said["w1"])
            said["sparse"] = sorted((collections.Counter(findings("\n".join(sparse))) - gcc).elements())
        out = {f: {t: [s for s in said[t] if _file(s) == f] for t in said} for f in files}
        # A header says the same for every file that includes it.
        return {**out, HEADERS: {t: sorted({s for s in said[t] if _file(s).endswith(".h")}) for t in said}}


def exported(source, overlay, folder):
    """The driver's files of base + overlay in a folder of their own: needs no lock."""
    top = folder / "drivers/gpu/drm/xe"
    shutil.copytree(source.path / "drivers/gpu/drm/xe", top)
    for path, data in overlay.items():
        file = folder / path
        file.unlink(missing_ok=True)
        if data is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    return folder


def kernel_doc(source, folder, files):
    """kernel-doc's complaints about those of the files that are in an exported folder."""
    here = [f for f in sorted(files) if f.endswith((".c", ".h")) and (folder / f).exists()]
    if not here:
        return []
    r = cmd.run([source.path / "scripts/kernel-doc", "-none", *here], cwd=folder, check=False)
    # 7.3's says everything twice.
    found = sorted(set(findings(r.stderr + r.stdout, set(here))))
    if r.returncode and not found:
        raise errors.InfraError(f"kernel-doc did not run: {cmd.last_line(r)}")
    return found


def prove_kernel_doc(source, folder):
    """InfraError unless kernel-doc complains, in words that are understood here, of a file made for that in folder."""
    file = folder / "drivers/gpu/drm/xe/canary.c"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("/**\n * undocumented() - One of two arguments is not\n * @a: the one that is\n */\n"
                    "int undocumented(int a, int b)\n{\n\treturn a + b;\n}\n", encoding="utf-8")
    if not kernel_doc(source, folder, [str(file.relative_to(folder))]):
        raise errors.InfraError(f"kernel-doc of Linux {source.version} says nothing of a bad comment, or what it says "
                                "is not understood")


def coccinelle(folder, rules, env):
    """{rule name: findings} over the driver in an exported folder."""
    found = {}
    for rule in rules:
        options = re.search(r"^// Options: (.*)$", rule.read_text(encoding="utf-8"), re.M)
        r = cmd.run(["spatch", "--very-quiet", "-D", "report", "--no-show-diff", "--macro-file", MACROS,
                     "--sp-file", rule, *(options[1].split() if options else []), "--dir", "drivers/gpu/drm/xe"],
                    cwd=folder, env=env, check=False)
        if r.returncode:
            raise errors.InfraError(f"coccinelle rule {rule.name}: {cmd.last_line(r)}")
        found[rule.stem] = findings(r.stdout)
    return found


def blind(folder, files, env):
    """Functions of these .c files that coccinelle does not parse, as findings: no rule looks into them."""
    here = [f for f in compiled(files) if (folder / f).exists()]
    if not here:
        return []
    # Tables of 7.3 take it through more stack than there usually is.
    r = cmd.run(["prlimit", "--stack=unlimited", "spatch", "--macro-file", MACROS, "--parse-c", *here],
                cwd=folder, env=env, check=False)
    if r.returncode:
        raise errors.InfraError(f"coccinelle cannot parse the driver: {cmd.last_line(r)}")
    return unparsed(r.stdout + r.stderr)


def unparsed(text):
    """What `spatch --parse-c` says: files and the functions in them that were left out."""
    found, file, name = [], "?", ""
    for line in text.splitlines():
        m = re.match(r"PARSING: (\S+)", line)
        if m:
            file = m[1]
        m = re.match(r"(?:bad|BAD:!+): ?(.*)$", line)
        head = m and re.match(r"(?:[A-Za-z_][\w\s*]*[\s*])?([A-Za-z_]\w*)\(", m[1])
        if head:
            name = head[1]
        elif m and m[1] == "{":  # in column 0: of a function, not of a table
            found.append(f"{file}: {name}() is not parsed")
    return sorted(found)
