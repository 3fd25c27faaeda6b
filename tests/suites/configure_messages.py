#!/usr/bin/python3
"""A library that configure does not find is named with the Debian package that has it: all that are missing at
once, and only those. Where this is a Debian with the packages, they are those that the files come from."""
import sys
sys.dont_write_bytecode = True

import os            # noqa: E402
import re            # noqa: E402
import shutil        # noqa: E402
import subprocess    # noqa: E402
import tempfile      # noqa: E402

ROOT = os.path.abspath(os.environ.get("srcdir") or os.path.join(os.path.dirname(__file__), "..", ".."))
ROW = re.compile(r"^REEVE_NEED\(\[\w+\], \[([\w-]+)\], \[([\d.]+)\], \[([\w -]+)\]\)", re.M)
# Says of the modules in HIDDEN that they are not there.
PKG_CONFIG = """#!/bin/sh
for word in "$@"; do
	for hidden in $HIDDEN; do
		case " $word " in *" $hidden "*) exit 1 ;; esac
	done
done
exec pkg-config "$@"
"""


def rows():
    """(module, version, packages)"""
    with open(os.path.join(ROOT, "configure.ac"), encoding="utf-8") as f:
        found = ROW.findall(f.read())
    assert len(found) >= 11, found
    return found


def configure(folder, hidden, *arguments):
    """What it wrote; it must have failed."""
    work = tempfile.mkdtemp(dir=folder)
    done = subprocess.run(["sh", os.path.join(ROOT, "configure"), f"--cache-file={folder}/cache", f"PKG_CONFIG={folder}/pkg-config",
                           *arguments], cwd=work, env={**os.environ, "HIDDEN": " ".join(hidden)}, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, timeout=300)
    text = done.stdout.decode("utf-8", "replace")
    assert done.returncode != 0, text
    return text


def missing(text):
    return re.search(r"^configure: error: libraries are missing; on Debian: apt-get install (.*)$", text, re.M).group(1).split()


def all_at_once(folder, table):
    text = configure(folder, [module for module, _, _ in table], "ac_cv_header_libmilter_mfapi_h=no")
    for module, version, packages in table:
        assert f"WARNING: {module} {version} or newer is missing; Debian has it in {packages}\n" in text, (module, text)
    wanted = {p for _, _, packages in table for p in packages.split()} | {"libmilter-dev"}
    named = missing(text)
    assert sorted(named) == sorted(wanted), named
    with open(os.path.join(ROOT, "tools", "packages"), encoding="utf-8") as f:
        assert wanted <= {line.split()[1] for line in f if line.startswith("build ")}, "tools/packages has not all"


def only_that(folder, table):
    module, _, packages = table[-1]
    text = configure(folder, [module])
    assert missing(text) == packages.split() and text.count("is missing; Debian") == 1, text


def owners(table):
    """The .pc file of each module is in one of the packages that are named for it."""
    if not shutil.which("dpkg-query"):
        return
    for module, _, packages in table:
        path = subprocess.run(["pkg-config", "--variable=pcfiledir", module], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
        owner = subprocess.run(["dpkg-query", "-S", f"{path}/{module}.pc"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               check=False).stdout.decode().split(":")[0]
        assert not owner or owner in packages.split(), (module, owner, packages)


def main():
    table, folder = rows(), tempfile.mkdtemp(prefix="configure-")
    try:
        with open(os.path.join(folder, "pkg-config"), "w", encoding="ascii") as f:
            f.write(PKG_CONFIG)
        os.chmod(f.name, 0o755)
        all_at_once(folder, table)
        only_that(folder, table)
        owners(table)
    finally:
        shutil.rmtree(folder)
    print(f"ok - configure names the packages of {len(table) + 1} libraries")
    return 0


if __name__ == "__main__":
    sys.exit(main())
