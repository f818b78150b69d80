# SPDX-License-Identifier: MIT
"""kd object."""
import gdb
from kdutil import Complaint, at, number, offset, parse, type_named, wide


def header_of(body):
    return body - offset("OBJECT_HEADER", "Body")


def type_name(body):
    kind = number(at(header_of(body), "OBJECT_HEADER")["Type"])
    return wide(at(kind, "OBJECT_TYPE")["Name"]) if kind else "?"


def name_of(body):
    header = header_of(body)
    distance = int(at(header, "OBJECT_HEADER")["NameInfoOffset"])
    return wide(at(header - distance, "OBJECT_HEADER_NAME_INFO")["Name"]) if distance else ""


def directory_entries(body):
    """(bucket, object) for all that a directory holds, in order of the buckets."""
    buckets = at(body, "OBJECT_DIRECTORY")["HashBuckets"]
    low, high = buckets.type.range()
    for index in range(low, high + 1):
        name = number(buckets[index])
        while name:  # the name information lies just in front of the header (ob/obp.h)
            yield index, name + type_named("OBJECT_HEADER_NAME_INFO").sizeof + offset("OBJECT_HEADER", "Body")
            name = number(at(name, "OBJECT_HEADER_NAME_INFO")["HashNext"])


def find(path):
    body = number(gdb.parse_and_eval("ObpRootDirectory"))
    for part in [word for word in path.split("\\") if word]:
        for _, child in directory_entries(body):
            if name_of(child).lower() == part.lower():
                body = child
                break
        else:
            raise Complaint(f"there is no {part} in {path}")
    return body


def show(arguments):
    if not arguments:
        raise Complaint("which object? An address, or a path that begins with \\")
    body = find(arguments[0]) if arguments[0].startswith("\\") else parse(arguments[0])
    header = at(header_of(body), "OBJECT_HEADER")
    kind = type_name(body)
    print(f"Object: {body:08x}  Type: ({number(header['Type']):08x}) {kind}")
    print(f"    ObjectHeader: {header_of(body):08x}")
    print(f"    HandleCount: {int(header['HandleCount'])}  PointerCount: {int(header['PointerCount'])}")
    distance = int(header["NameInfoOffset"])
    if distance:
        info = at(header_of(body) - distance, "OBJECT_HEADER_NAME_INFO")
        print(f"    Directory Object: {number(info['Directory']):08x}  Name: {wide(info['Name'])}")
    if kind == "SymbolicLink":
        print(f"    Target String is '{wide(at(body, 'OBJECT_SYMBOLIC_LINK')['LinkTarget'])}'")
    if kind == "Directory":
        print("\n    Hash Address  Type          Name\n    ---- -------  ----          ----")
        last = -1
        for bucket, child in directory_entries(body):
            print(f"     {f'{bucket:02}' if bucket != last else '  '}  {child:08x} {type_name(child):13} {name_of(child)}")
            last = bucket
