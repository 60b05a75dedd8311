# SPDX-License-Identifier: GPL-2.0-or-later
"""The ports of one switch by interface id, followed in its database (OVSDB, RFC 7047)."""
import json

from os_ken.lib import hub

OVSDB_PORT = 6640
COLUMNS = ["ofport", "external_ids"]


class Ports:
    """on_renumbered(port) is called when an interface has another port than before, with the old one."""

    def __init__(self, address, on_renumbered):
        self.address = address
        self.on_renumbered = on_renumbered
        self.rows = {}  # row -> (interface id, port)
        self.last = {}  # interface id -> its latest port, also when it is gone

    def port_of(self, iface):
        return next((port for i, port in self.rows.values() if i == iface), None)

    def last_port_of(self, iface):
        return self.last.get(iface)

    def iface_of(self, port):
        return next((i for i, p in self.rows.values() if p == port), None)

    def follow(self):
        """Never returns; connects again when the connection breaks."""
        while True:
            try:
                with hub.connect((self.address, OVSDB_PORT)) as connection:
                    self._serve(connection)
            except (OSError, ValueError):
                pass
            hub.sleep(0.5)

    def _serve(self, connection):
        request = {"method": "monitor", "id": "ports",
                   "params": ["Open_vSwitch", None, {"Interface": {"columns": COLUMNS}}]}
        connection.sendall(json.dumps(request).encode())
        decoder = json.JSONDecoder()
        text = ""
        while True:
            data = connection.recv(65536)
            if not data:
                return
            text += data.decode()
            while text:
                try:
                    message, end = decoder.raw_decode(text)
                except json.JSONDecodeError:
                    break  # the rest is on its way
                text = text[end:].lstrip()
                self._take(connection, message)

    def _take(self, connection, message):
        if message.get("method") == "echo":
            answer = {"result": message["params"], "error": None, "id": message["id"]}
            connection.sendall(json.dumps(answer).encode())
        elif message.get("id") == "ports":
            self.rows = {}
            self._update(message["result"])
        elif message.get("method") == "update":
            self._update(message["params"][1])

    def _update(self, tables):
        for row, change in tables.get("Interface", {}).items():
            new = change.get("new")
            if new is None:
                self.rows.pop(row, None)
                continue
            iface = dict(new["external_ids"][1]).get("iface-id")
            port = new["ofport"]
            if iface is None or not isinstance(port, int) or port < 1:
                self.rows.pop(row, None)
            else:
                before = self.last.get(iface, port)
                self.rows[row] = (iface, port)
                self.last[iface] = port
                if before != port:
                    self.on_renumbered(before)
