#!/usr/bin/env python3
"""Packs published instances and traces into sets.bin, or checks sets.bin against them.

    python3 build.py <folder>           writes sets.bin beside this script
    python3 build.py --check <folder>   reads sets.bin back and compares every byte

<folder> holds vbp/, maneuver/, openb/, azure-vm-stream/ and aws/ (see README.md).

The file is one raw DEFLATE stream. Unpacked, it is a row of files, each with a line before it:
`<name> <length in bytes>`. Traces are reduced to what tells: rows that ask the same are one row
with a count.
"""

import collections
import csv
import gzip
import io
import sys
import zlib
from decimal import Decimal
from pathlib import Path

TARGET = Path(__file__).with_name("sets.bin")
# Optimum prices in dollars per hour, from the runs published with the applications.
MANEUVER = [
    ("Oryx2", 20, "54.912"), ("Oryx2", 500, "26.400"),
    ("SecureBillingEmail", 20, "1.416"), ("SecureBillingEmail", 40, "1.012"),
    ("SecureBillingEmail", 500, "0.862"),
    ("Wordpress3", 20, "1.777"), ("Wordpress3", 40, "1.396"), ("Wordpress3", 500, "1.210"),
]


def table(header, rows):
    return "".join(",".join(map(str, row)) + "\n" for row in [header, *rows])


def openb_pods(path):
    columns = ["cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "gpu_spec"]
    counts = collections.Counter()
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            counts[tuple(row[column] for column in columns)] += 1
    return table(columns + ["count"], [(*key, counts[key]) for key in sorted(counts)])


def openb_nodes(path):
    with open(path, newline="") as file:
        rows = [(row["cpu_milli"], row["memory_mib"], row["gpu"], row["model"])
                for row in csv.DictReader(file)]
    rows.sort()
    header = ["sn", "cpu_milli", "memory_mib", "gpu", "model"]
    return table(header, [("", *row) for row in rows])


def vm_stream(folder):
    counts = collections.Counter()
    with gzip.open(folder / "v1.train.txt.gz", "rt") as file:
        for line in file:
            _, _, arrivals = line.strip().partition(" ")
            counts.update(name for name in arrivals.split(",") if name and name != "|")
    rows = []
    for line in (folder / "flav_map.txt").read_text().splitlines():
        size, name = line.split()
        cpu, gib = map(Decimal, size.split(","))
        memory = gib * 1024
        assert memory == int(memory), line
        rows.append((f"{cpu} vCPU {gib} GiB", int(cpu * 1000), int(memory), counts.pop(name)))
    assert not counts, counts
    return table(["name", "cpu_milli", "memory_mib", "count"], rows)


def aws(path):
    columns = ["name", "cpu_milli", "mem_mib", "pods", "gpu", "gpu_name", "price_hr"]
    with open(path, newline="") as file:
        return table(columns, [[row[column] for column in columns] for row in csv.DictReader(file)])


def files(folder):
    for path in sorted((folder / "vbp").glob("*/*.vbp")):
        text = path.read_text().split()
        dimensions = int(text[0])
        # One item a line, no more spaces than needed.
        rows = [text[:1], text[1:1 + dimensions], text[1 + dimensions:2 + dimensions]]
        items = text[2 + dimensions:]
        width = dimensions + 1
        rows += [items[at:at + width] for at in range(0, len(items), width)]
        name = f"vbp/{path.parent.name}/{path.stem}"
        yield name, "".join(" ".join(row) + "\n" for row in rows)
    yield "vbp/known", (folder / "vbp/known.csv").read_text()
    for path in sorted((folder / "maneuver/apps").glob("*.json")):
        yield f"maneuver/app/{path.stem}", path.read_text()
    for path in sorted((folder / "maneuver/offers").glob("*.json")):
        yield f"maneuver/offers/{path.stem.removeprefix('offers_')}", path.read_text()
    yield "maneuver/known", table(["app", "offers", "optimum"], MANEUVER)
    yield "openb/pods", openb_pods(folder / "openb/openb_pod_list_default.csv")
    yield "openb/pods-with-models", openb_pods(folder / "openb/openb_pod_list_gpuspec33.csv")
    yield "openb/nodes", openb_nodes(folder / "openb/openb_node_list_all_node.csv")
    yield "vm-stream/machines", vm_stream(folder / "azure-vm-stream")
    yield "aws/sizes", aws(folder / "aws/aws_useast1_ondemand.csv")


def archive(folder):
    out = io.BytesIO()
    for name, text in files(folder):
        data = text.encode()
        out.write(f"{name} {len(data)}\n".encode())
        out.write(data)
    return out.getvalue()


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--check":
        expected = archive(Path(arguments[1]))
        found = zlib.decompress(TARGET.read_bytes(), wbits=-15)
        if found != expected:
            sys.exit(f"{TARGET.name} differs from {arguments[1]}")
        print(f"{TARGET.name}: {len(found)} bytes agree")
    elif len(arguments) == 1:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
        packed = packer.compress(archive(Path(arguments[0]))) + packer.flush()
        TARGET.write_bytes(packed)
        print(f"{TARGET.name}: {len(packed)} bytes")
    else:
        sys.exit(__doc__)


main(sys.argv[1:])
