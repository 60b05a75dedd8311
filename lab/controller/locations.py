# SPDX-License-Identifier: GPL-2.0-or-later
"""What the lab has told the controller: which switches there are, and who is where."""
import os
from typing import NamedTuple, Optional


class Switch(NamedTuple):
    name: str
    datapath_id: int
    underlay: str  # address of its tunnels
    ovsdb: str  # address of its database


class Place(NamedTuple):
    owner: str
    mac: str
    vni: Optional[int]  # none: in every VPC
    address: str
    node: str
    iface: str


def read_switches(state):
    with open(os.path.join(state, "switches"), encoding="utf-8") as file:
        lines = [line.split() for line in file]
    return {name: Switch(name, int(byte), f"10.78.0.{byte}", f"10.79.0.{byte}")
            for name, byte in lines}


class Locations:
    """The file of locations, read again whenever it was replaced."""

    def __init__(self, state):
        self.path = os.path.join(state, "locations")
        self.seen = None
        self.by_mac = {}
        self.by_address = {}
        self.by_iface = {}
        self.refresh()

    def refresh(self):
        """Reads the file if it is another one; returns (old, new) of what moved, new being None if
        the interface is gone or another one took its address."""
        status = os.stat(self.path)
        version = (status.st_ino, status.st_mtime_ns)
        if version == self.seen:
            return []
        self.seen = version
        with open(self.path, encoding="utf-8") as file:
            places = [Place(owner, mac, None if vni == "*" else int(vni), address, node, iface)
                      for owner, mac, vni, address, node, iface in map(str.split, file)]
        before = self.by_iface
        self.by_mac = {place.mac: place for place in places}
        self.by_address = {place.address: place for place in places}
        self.by_iface = {place.iface: place for place in places}
        pairs = [(old, self.by_iface.get(old.iface)) for old in before.values()]
        return [(old, new) for old, new in pairs if new is None or new.node != old.node]
