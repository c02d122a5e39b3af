"""The accounting half of scripts/size: what the bytes of an unstripped router binary are for.

A symbol counts for the program where it names it (also as a generic's argument), else for the first crate it names that is
not Rust's own. What the linker merged, or a symbol does not cover (texts, mostly), stands as "without a name".
"""

import collections
import re
import subprocess
import sys

OWN = {"core", "alloc", "std", "hashbrown", "compiler_builtins", "memchr", "panic_abort", "unwind", "rustc_demangle"}
CRATE = re.compile(r"(?<![\w:])([a-z_][a-z_0-9]*)::")
ROOM = re.compile(r"\brut_agent::([a-z_0-9]+)(?:::([a-z_0-9]+))?")
#: sections that the stripped binary still has, and that hold bytes in the file
KEPT = (".text", ".rodata", ".data", ".data.rel.ro", ".got", ".tdata", ".rela.dyn", ".rel.dyn")


def told(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def sections(tools, binary):
    found = {}
    for line in told(f"{tools}readelf", "-SW", binary).splitlines():
        row = re.match(r"\s*\[\s*\d+\]\s+(\S+)\s+\S+\s+\S+\s+\S+\s+(\S+)", line)
        if row and row.group(1) in KEPT:
            found[row.group(1)] = int(row.group(2), 16)
    return found


def symbols(tools, binary):
    """(bytes, name) of each address once."""
    seen = {}
    for line in told(f"{tools}nm", "-S", "-C", binary).splitlines():
        row = re.match(r"([0-9a-f]+) ([0-9a-f]+) (\w) (.*)", line)
        if row and row.group(3) not in "bB":
            address, size = int(row.group(1), 16), int(row.group(2), 16)
            seen[address] = max(seen.get(address, (0, "")), (size, row.group(4)))
    return list(seen.values())


def crate_of(name):
    if "rut_agent::" in name:
        return "rut_agent"
    crates = CRATE.findall(name)
    if not crates:
        return "C: ring, libc" if re.fullmatch(r"[\w.$]+", name) else "std"
    return next((crate for crate in crates if crate not in OWN), "std")


def room_of(name):
    room = ROOM.search(name)
    return (room.group(1), "::".join(part for part in room.groups() if part)) if room else ("main", "main")


def listed(title, rows, total, most):
    print(f"\n{title}")
    for name, size in rows[:most]:
        print(f"{size:>9,}  {100 * size / total:4.1f} %  {name}")
    rest = sum(size for _, size in rows[most:])
    if rest:
        print(f"{rest:>9,}  {100 * rest / total:4.1f} %  {len(rows) - most} more")


def main():
    binary, tools, most = sys.argv[1], sys.argv[2], 25
    parts = sections(tools, binary)
    total = sum(parts.values())
    crates, rooms, modules = (collections.Counter() for _ in range(3))
    named = symbols(tools, binary)
    for size, name in named:
        crate = crate_of(name)
        crates[crate] += size
        if crate == "rut_agent":
            room, module = room_of(name)
            rooms[room] += size
            modules[module] += size
    crates["without a name"] = total - sum(crates.values())
    listed(f"{binary}: {total:,} bytes in the file", sorted(parts.items(), key=lambda row: -row[1]), total, most)
    listed("by crate", crates.most_common(), total, most)
    listed("rut_agent by room", rooms.most_common(), total, most)
    listed("rut_agent by module", modules.most_common(), total, most)
    listed("the largest", [(name[:150], size) for size, name in sorted(named, reverse=True)], total, most)


main()
