#!/usr/bin/env python3
"""Writes the tables prefix -> mobile network and prefix -> time zones.

    pip install phonenumbers==9.0.43
    python3 scripts/number-tables.py            # writes src/number/data/*.bin
    python3 scripts/number-tables.py --check    # fails if they would change

The source is the carrier and time-zone data of the Python package phonenumbers,
which takes them from Google's libphonenumber (both Apache-2.0). For a newer
version, change SOURCE_VERSION here and in src/number/data/README.md, which also
describes the format. src/number/table.rs reads it.
"""

import argparse
import collections
import pathlib
import struct
import sys
import unicodedata

import phonenumbers
from phonenumbers.carrierdata import CARRIER_DATA
from phonenumbers.timezone import UNKNOWN_TIMEZONE
from phonenumbers.tzdata import TIMEZONE_DATA

SOURCE_VERSION = "9.0.43"
DATA = pathlib.Path(__file__).resolve().parent.parent / "src" / "number" / "data"

MAGIC = b"OTPN"
FORMAT = 1
MAX_PREFIX_DIGITS = 9
# A name that carries a foreign text this often in its country is the English
# name of the same network; a rarer pairing may be a slip of the source.
TRUSTED_PAIRINGS = 10


def cleaned(name):
    """The name without control characters, with single spaces, its encoding mended.

    A few names were read as Latin-1 on their way into the source ("TelefÃ³nica").
    """
    try:
        name = name.encode("latin-1").decode("utf-8")
    except UnicodeError:
        pass
    spaced = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in name)
    return " ".join(spaced.split())


def calling_code(prefix):
    """The country calling code that the prefix begins with."""
    for digits in (1, 2, 3):
        if int(prefix[:digits]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return prefix[:digits]
    raise SystemExit(f"prefix {prefix} begins with no known calling code")


def networks():
    """Prefix -> name in English. Prefixes without one take it from their neighbours."""
    pairings = collections.defaultdict(collections.Counter)
    for prefix, names in CARRIER_DATA.items():
        for language, name in names.items():
            if language != "en" and "en" in names:
                pairings[calling_code(prefix), name][names["en"]] += 1
    table = {}
    for prefix, names in CARRIER_DATA.items():
        if "en" in names:
            table[prefix] = cleaned(names["en"])
            continue
        foreign = next(iter(names.values()))
        counterparts = pairings[calling_code(prefix), foreign].most_common(1)
        if counterparts and counterparts[0][1] >= TRUSTED_PAIRINGS:
            table[prefix] = cleaned(counterparts[0][0])
        elif foreign.isascii():
            table[prefix] = cleaned(foreign)
        else:
            print(f"no English name: {prefix} {foreign}", file=sys.stderr)
    return {prefix: name for prefix, name in table.items() if name}


def zones():
    """Prefix -> names of IANA time zones, joined with spaces."""
    table = {}
    for prefix, names in TIMEZONE_DATA.items():
        known = [name for name in names if name != UNKNOWN_TIMEZONE]
        if known:
            table[prefix] = " ".join(known)
    return table


def packed(table):
    """The table in the format that src/number/data/README.md describes."""
    names = sorted(set(table.values()))
    if len(names) > 0xFFFF:
        raise SystemExit("more than 65,535 names: the index needs another width")
    index = {name: i for i, name in enumerate(names)}
    rows = sorted((int(prefix), index[name]) for prefix, name in table.items())
    for prefix in table:
        if not prefix.isdigit() or prefix[0] == "0" or len(prefix) > MAX_PREFIX_DIGITS:
            raise SystemExit(f"prefix {prefix} does not fit the format")
    out = bytearray(struct.pack("<4sHHI", MAGIC, FORMAT, len(names), len(rows)))
    for name in names:
        text = name.encode()
        out += struct.pack("<H", len(text)) + text
    for prefix, _ in rows:
        out += struct.pack("<I", prefix)
    for _, name in rows:
        out += struct.pack("<H", name)
    return bytes(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    check = parser.parse_args().check
    if phonenumbers.__version__ != SOURCE_VERSION:
        raise SystemExit(f"phonenumbers {phonenumbers.__version__} is installed, {SOURCE_VERSION} is needed")
    changed = False
    for file, table in (("networks.bin", networks()), ("zones.bin", zones())):
        path, data = DATA / file, packed(table)
        print(f"{file}: {len(table)} prefixes, {len(set(table.values()))} names, {len(data)} bytes")
        if check:
            changed |= not path.exists() or path.read_bytes() != data
        else:
            path.write_bytes(data)
    if changed:
        raise SystemExit("the tables differ from their source: run scripts/number-tables.py")


if __name__ == "__main__":
    main()
