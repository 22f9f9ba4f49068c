"""A reader of the Parquet files that radd writes, for where pyarrow is not
installed: flat columns without nulls, plain or dictionary encoding, Snappy or no
compression."""

import struct

import numpy as np

BOOLEAN, INT32, INT64, FLOAT, DOUBLE, BYTE_ARRAY = 0, 1, 2, 4, 5, 6
DTYPES = {INT32: "<i4", INT64: "<i8", FLOAT: "<f4", DOUBLE: "<f8"}
PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY = 0, 2, 3, 8
UNSIGNED_64 = 14  # converted type


class Thrift:
    """Reads Thrift's compact protocol: structs as dicts by field number."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def varint(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def signed(self):
        n = self.varint()
        return (n >> 1) ^ -(n & 1)

    def value(self, kind):
        if kind in (1, 2):
            return kind == 1
        if kind == 3:
            self.at += 1
            return struct.unpack_from("<b", self.data, self.at - 1)[0]
        if kind in (4, 5, 6):
            return self.signed()
        if kind == 7:
            self.at += 8
            return struct.unpack_from("<d", self.data, self.at - 8)[0]
        if kind == 8:
            n = self.varint()
            self.at += n
            return bytes(self.data[self.at - n:self.at])
        if kind in (9, 10):
            head = self.data[self.at]
            self.at += 1
            n = head >> 4
            if n == 15:
                n = self.varint()
            if head & 15 in (1, 2):  # booleans take a byte each
                self.at += n
                return [b == 1 for b in self.data[self.at - n:self.at]]
            return [self.value(head & 15) for _ in range(n)]
        if kind == 12:
            return self.struct()
        raise ValueError(f"Thrift type {kind}")

    def struct(self):
        fields, number = {}, 0
        while True:
            head = self.data[self.at]
            self.at += 1
            if head == 0:
                return fields
            number = number + (head >> 4) if head >> 4 else self.signed()
            fields[number] = self.value(head & 15)


def unsnap(data):
    """Decompresses a Snappy block."""
    stream = Thrift(data)
    size = stream.varint()
    at, out = stream.at, bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        if tag & 3 == 0:  # a literal
            n = tag >> 2
            if n >= 60:
                extra = n - 59
                n = int.from_bytes(data[at:at + extra], "little")
                at += extra
            out += data[at:at + n + 1]
            at += n + 1
            continue
        if tag & 3 == 1:
            n, offset = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | data[at]
            at += 1
        else:
            width = 2 if tag & 3 == 2 else 4
            n, offset = (tag >> 2) + 1, int.from_bytes(data[at:at + width], "little")
            at += width
        start = len(out) - offset
        if start < 0 or offset == 0:
            raise ValueError("damaged Snappy data")
        if offset >= n:
            out += out[start:start + n]
        else:
            piece = bytes(out[start:])
            out += (piece * (n // offset + 1))[:n]
    if len(out) != size:
        raise ValueError("damaged Snappy data")
    return bytes(out)


def hybrid(data, width, count):
    """Decodes RLE and bit-packed integers."""
    out, stream = np.empty(count, np.int64), Thrift(data)
    done, size = 0, (width + 7) // 8
    while done < count:
        head = stream.varint()
        if head & 1:
            groups = head >> 1
            raw = np.frombuffer(data, np.uint8, groups * width, stream.at)
            stream.at += groups * width
            bits = np.unpackbits(raw, bitorder="little").reshape(-1, width) if width else np.zeros((groups * 8, 0), np.uint8)
            values = bits.astype(np.int64) @ (1 << np.arange(width, dtype=np.int64))
        else:
            values = np.full(head >> 1, int.from_bytes(data[stream.at:stream.at + size], "little"))
            stream.at += size
        n = min(len(values), count - done)
        out[done:done + n] = values[:n]
        done += n
    return out


def plain(data, kind, count):
    if kind in DTYPES:
        return np.frombuffer(data, DTYPES[kind], count)
    if kind == BOOLEAN:
        return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[:count].astype(bool)
    if kind == BYTE_ARRAY:
        out, at = np.empty(count, object), 0
        for i in range(count):
            n = int.from_bytes(data[at:at + 4], "little")
            out[i] = data[at + 4:at + 4 + n].decode()
            at += 4 + n
        return out
    raise ValueError(f"Parquet type {kind}")


def column(data, meta):
    kind, codec, total = meta[1], meta[4], meta[5]
    at = min(meta[9], meta.get(11, meta[9]))
    parts, read, dictionary = [], 0, None
    while read < total:
        stream = Thrift(data, at)
        head = stream.struct()
        body = data[stream.at:stream.at + head[3]]
        at = stream.at + head[3]
        if codec not in (0, 1):
            raise ValueError(f"compression {codec}")
        if head[1] == 2:  # dictionary
            body = unsnap(body) if codec else body
            dictionary = plain(body, kind, head[7][1])
            continue
        if head[1] == 0:
            count, encoding = head[5][1], head[5][2]
            body = unsnap(body) if codec else body
        elif head[1] == 3:
            page = head[8]
            count, encoding = page[1], page[4]
            body = body[page[5] + page[6]:]
            body = unsnap(body) if codec and page.get(7, True) else body
        else:
            raise ValueError(f"page type {head[1]}")
        if encoding == PLAIN:
            parts.append(plain(body, kind, count))
        elif encoding in (PLAIN_DICTIONARY, RLE_DICTIONARY):
            parts.append(dictionary[hybrid(body[1:], body[0], count)])
        elif encoding == RLE and kind == BOOLEAN:
            parts.append(hybrid(body[4:], 1, count).astype(bool))
        else:
            raise ValueError(f"encoding {encoding}")
        read += count
    return parts


def read(path):
    """Returns the file's columns as arrays by name, and its key-value metadata."""
    with open(path, "rb") as f:
        data = f.read()
    if len(data) < 12 or data[:4] != b"PAR1" or data[-4:] != b"PAR1":
        raise ValueError(f"{path}: no Parquet file")
    size = int.from_bytes(data[-8:-4], "little")
    footer = Thrift(data, len(data) - 8 - size).struct()
    leaves = footer[2][1:]
    if any(5 in leaf or leaf.get(3, 0) != 0 for leaf in leaves):
        raise ValueError(f"{path}: columns that are nested or optional")
    parts = {leaf[4].decode(): [] for leaf in leaves}
    for group in footer.get(4, []):
        for leaf, chunk in zip(leaves, group[1]):
            parts[leaf[4].decode()] += column(data, chunk[3])
    table = {}
    for leaf in leaves:
        name = leaf[4].decode()
        values = np.concatenate(parts[name]) if parts[name] else plain(b"", leaf[1], 0)
        if leaf[1] == INT32 and leaf.get(6) == 15:
            values = values.astype(np.int8)
        if leaf[1] == INT64 and leaf.get(6) == UNSIGNED_64:
            values = values.view(np.uint64)
        table[name] = values
    return table, {m[1].decode(): m[2].decode() for m in footer.get(5, [])}
