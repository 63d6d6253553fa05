#!/usr/bin/env python3
"""Packs the Azure size, region and price tables into azure.bin, or checks azure.bin against them.

    python3 build.py <folder>           writes azure.bin beside this script
    python3 build.py --check <folder>   reads azure.bin back and compares every figure

<folder> holds azure-skus.csv, azure-sku-regions.csv and azure-prices.csv (see PROVENANCE.md).

The file: 8 bytes of magic, then a directory (section count; per section: name, length of the raw
bytes, length of the compressed bytes), then the bodies, each a raw DEFLATE stream. Numbers are
LEB128 varints, strings are a length and UTF-8. Sections:

    sizes            the size table as tab-separated text with a header line; an empty cell is an
                     unknown figure
    names            every size name of the three tables, sorted, one per line; regions refer to
                     sizes by their position here
    meta             lines "key<TAB>value": sources (space-separated, position = code), sizes_as_of
    region/<name>    the sizes on sale there, then the prices, column by column:
                     n, n name steps, n flag bytes (1, 2, 4: zones; 8: spot; 16: restricted for
                     the subscription that was asked);
                     m, m steps of 2 * name + (1 if Windows), m regular prices, m spot prices
                     (micro-dollars plus 1, 0 = unknown), m bytes of regular source code, m bytes
                     of spot source code
"""

import csv
import sys
import zlib
from decimal import Decimal
from pathlib import Path

MAGIC = b"TENAZ\x00\x00\x01"
TARGET = Path(__file__).with_name("azure.bin")
# Left out because they follow from other columns (verified below) or are empty throughout.
DERIVED = {
    "size", "tier", "cpu_model_sc", "example_region", "example_zones",
    "spot_capable_regions", "regions_count",
}
RESTRICTED = "NotAvailableForSubscription"


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def text(value):
    data = value.encode()
    return varint(len(data)) + data


def micro_dollars(price):
    """Exact, or the build fails: no figure is rounded."""
    if price == "":
        return None
    micro = Decimal(price) * 1_000_000
    if micro != int(micro):
        raise SystemExit(f"{price} is not a whole number of micro-dollars")
    return int(micro)


def rows(folder, name):
    with open(Path(folder) / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_tables(folder):
    sizes = rows(folder, "azure-skus.csv")
    regions = rows(folder, "azure-sku-regions.csv")
    prices = rows(folder, "azure-prices.csv")
    verify_derived(sizes, regions)
    return sizes, regions, prices


def verify_derived(sizes, regions):
    seen, spot = {}, {}
    for row in regions:
        seen[row["sku"]] = seen.get(row["sku"], 0) + 1
        spot[row["sku"]] = spot.get(row["sku"], 0) + int(row["spot_capable"])
        assert row["restrictions_seen_by_that_subscription"] in ("", RESTRICTED), row
    known = {row["name"] for row in sizes}
    assert set(seen) <= known
    for row in sizes:
        name = row["name"]
        assert row["tier"] + "_" + row["size"] == name, name
        assert int(row["regions_count"] or 0) == seen.get(name, 0), name
        assert int(row["spot_capable_regions"] or 0) == spot.get(name, 0), name
        assert row["cpu_model_sc"] == "", name
    assert len({row["as_of"] for row in regions}) == 1


def steps(indices):
    """Sorted numbers as the differences from one to the next, starting at 0."""
    out, last = b"", 0
    for index in indices:
        out += varint(index - last)
        last = index
    return out


def pack_region(sizes, prices, index, codes):
    sizes = sorted(sizes, key=lambda row: index[row["sku"]])
    out = varint(len(sizes)) + steps(index[row["sku"]] for row in sizes)
    for row in sizes:
        flags = sum(1 << (int(zone) - 1) for zone in row["zones"].split())
        flags |= 8 * int(row["spot_capable"])
        flags |= 16 * (row["restrictions_seen_by_that_subscription"] == RESTRICTED)
        out += bytes([flags])
    keyed = sorted((2 * index[row["sku"]] + (row["os"] == "windows"), n)
                   for n, row in enumerate(prices))
    ordered = [prices[n] for _, n in keyed]
    out += varint(len(ordered)) + steps(key for key, _ in keyed)
    for column in ("on_demand_usd_hour", "spot_usd_hour"):
        for row in ordered:
            micro = micro_dollars(row[column])
            out += varint(0 if micro is None else micro + 1)
    for column in ("on_demand_src", "spot_src"):
        out += bytes(codes[row[column]] for row in ordered)
    return out


def sections(sizes, regions, prices):
    names = sorted({row["name"] for row in sizes} | {row["sku"] for row in prices})
    index = {name: n for n, name in enumerate(names)}
    sources = sorted({row[c] for row in prices for c in ("on_demand_src", "spot_src")} - {""})
    codes = {"": 0} | {source: n + 1 for n, source in enumerate(sources)}
    columns = [column for column in sizes[0] if column not in DERIVED]
    table = ["\t".join(columns)] + ["\t".join(row[c] for c in columns) for row in sizes]
    yield "sizes", "\n".join(table).encode()
    yield "names", "\n".join(names).encode()
    meta = [f"sources\t{' '.join(sources)}", f"sizes_as_of\t{regions[0]['as_of']}"]
    yield "meta", "\n".join(meta).encode()
    for region in sorted({row["region"] for row in regions + prices}):
        yield f"region/{region}", pack_region(
            [row for row in regions if row["region"] == region],
            [row for row in prices if row["region"] == region],
            index,
            codes,
        )


def deflate(raw):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    return packer.compress(raw) + packer.flush()


def build(folder):
    directory, bodies, count = b"", b"", 0
    for name, raw in sections(*read_tables(folder)):
        body = deflate(raw)
        directory += text(name) + varint(len(raw)) + varint(len(body))
        bodies += body
        count += 1
    TARGET.write_bytes(MAGIC + varint(count) + directory + bodies)
    print(f"{TARGET.name}: {count} sections, {TARGET.stat().st_size} bytes")


class Reader:
    """Reads the file back, sharing no code with the writing half."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, length):
        self.at += length
        return self.data[self.at - length:self.at]

    def number(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def running(self, count):
        total, out = 0, []
        for _ in range(count):
            total += self.number()
            out.append(total)
        return out


def unpack(data):
    reader = Reader(data)
    assert reader.take(8) == MAGIC
    entries = [(reader.take(reader.number()).decode(), reader.number(), reader.number())
               for _ in range(reader.number())]
    out = {}
    for name, raw_length, length in entries:
        raw = zlib.decompress(reader.take(length), -15)
        assert len(raw) == raw_length, name
        out[name] = raw
    assert reader.at == len(data)
    return out


def unpack_region(raw, names, sources):
    reader = Reader(raw)
    picked = reader.running(reader.number())
    sizes = []
    for index in picked:
        flags = reader.take(1)[0]
        zones = " ".join(z for z, bit in (("1", 1), ("2", 2), ("3", 4)) if flags & bit)
        sizes.append((names[index], zones, str(flags >> 3 & 1), RESTRICTED if flags & 16 else ""))
    keys = reader.running(reader.number())
    dollars = [[reader.number() for _ in keys] for _ in range(2)]
    origins = [[sources[code] for code in reader.take(len(keys))] for _ in range(2)]
    assert reader.at == len(raw)
    price = lambda n: None if n == 0 else Decimal(n - 1) / 1_000_000
    prices = [(names[key >> 1], ("linux", "windows")[key & 1], price(regular), price(spot), *origin)
              for key, regular, spot, *origin in zip(keys, *dollars, *origins)]
    return sizes, prices


def check(folder):
    sizes, regions, prices = read_tables(folder)
    stored = unpack(TARGET.read_bytes())
    lines = [line.split("\t") for line in stored["sizes"].decode().split("\n")]
    table = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    assert table == [{c: row[c] for c in row if c not in DERIVED} for row in sizes]
    names = stored["names"].decode().split("\n")
    meta = dict(line.split("\t") for line in stored["meta"].decode().split("\n"))
    sources = [""] + meta["sources"].split(" ")
    found_sizes, found_prices = [], []
    for section, raw in stored.items():
        if not section.startswith("region/"):
            continue
        region = section.removeprefix("region/")
        here, cost = unpack_region(raw, names, sources)
        found_sizes += [(region, *row, meta["sizes_as_of"]) for row in here]
        found_prices += [(region, *row) for row in cost]
    assert sorted(found_sizes) == sorted(tuple(row.values()) for row in regions)
    assert same_prices(found_prices, prices)
    print(f"equal: {len(table)} sizes, {len(found_sizes)} size-region rows, "
          f"{len(found_prices)} price rows")


def same_prices(found, prices):
    exact = lambda price: None if price == "" else Decimal(price)
    mine = {row[:3]: row[3:] for row in found}
    theirs = {(r["region"], r["sku"], r["os"]): (exact(r["on_demand_usd_hour"]),
              exact(r["spot_usd_hour"]), r["on_demand_src"], r["spot_src"]) for r in prices}
    return len(mine) == len(found) == len(prices) and mine == theirs


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if len(arguments) == 2 and arguments[0] == "--check":
        check(arguments[1])
    elif len(arguments) == 1 and not arguments[0].startswith("-"):
        build(arguments[0])
    else:
        raise SystemExit(__doc__)
