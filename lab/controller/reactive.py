# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's SDN controller, as reactive as those of clouds: it answers what no flow matches.

A miss is answered with one flow on the switch that missed, after the set-up delay; so the first
packet over a new path waits twice, at its source and at its destination. ARP requests are answered
here. On a change of a location the guest's flows are deleted on all switches, after the same delay,
and the next misses bring new ones; the gateway's flows are changed when its interval is over. An
interface that has another port on its switch (its guest was started again) loses what named the old
port, at once.
"""
import functools
import os
import struct

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import (
    CONFIG_DISPATCHER, DEAD_DISPATCHER, MAIN_DISPATCHER, set_ev_cls)
from os_ken.lib import hub
from os_ken.lib.packet import arp, ethernet, packet
from os_ken.ofproto import ofproto_v1_4

from locations import Locations, read_switches
from ports import Ports

TUNNEL_PORT = 64200
PRIORITY = 60050
COOKIE = 0x5D4C0001  # of all flows made here
IDLE_TIMEOUT_S = 300
GATEWAY = "gateway"
PEER = "peer"  # where guests send their heartbeats: behind the gateway, but never out of date
LOOK_EVERY_S = 0.02

options = None  # set by the program; os-ken makes the object by itself


class Controller(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_4.OFP_VERSION]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.delay = options.setup_delay / 1000
        self.switches = read_switches(options.state)
        self.locations = Locations(options.state)
        self.at_gateway = {}  # by MAC, what the gateway was told last
        self.datapaths = {}  # name -> connection
        self.ports = {name: Ports(switch.ovsdb, functools.partial(self.forget_port, name))
                      for name, switch in self.switches.items()}
        self.pending = set()  # misses that are being answered
        self.forgotten = {}  # by interface that moved, where to when its flows were deleted
        for ports in self.ports.values():
            hub.spawn(ports.follow)
        hub.spawn(self.watch_locations)
        hub.spawn(self.update_gateway)

    # Connections

    def switch_of(self, datapath):
        return next(s for s in self.switches.values() if s.datapath_id == datapath.id)

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def on_connected(self, event):
        datapath = event.msg.datapath
        to_controller = datapath.ofproto_parser.OFPActionOutput(
            datapath.ofproto.OFPP_CONTROLLER, datapath.ofproto.OFPCML_NO_BUFFER)
        self.write_flow(datapath, datapath.ofproto_parser.OFPMatch(), [to_controller], priority=0)
        self.datapaths[self.switch_of(datapath).name] = datapath
        self.tell_connected()

    @set_ev_cls(ofp_event.EventOFPStateChange, DEAD_DISPATCHER)
    def on_disconnected(self, event):
        for name, datapath in list(self.datapaths.items()):
            if datapath is event.datapath:
                del self.datapaths[name]
        self.tell_connected()

    def tell_connected(self):
        self.tell("connected", self.datapaths)

    @staticmethod
    def tell(what, lines):
        path = os.path.join(options.state, f"controller.{what}")
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        os.rename(path + ".new", path)

    # Misses

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def on_miss(self, event):
        message = event.msg
        if len(message.data) < 14:
            return
        in_port = message.match["in_port"]
        destination = message.data[:6]
        ethertype = struct.unpack_from("!H", message.data, 12)[0]
        if destination[0] & 1:  # to a group; only a question for an address has an answer
            if ethertype == 0x0806:
                self.after_delay((message.datapath.id, in_port, bytes(message.data[:42])),
                                 self.answer_arp, message.datapath, in_port, message.data)
            return
        mac = destination.hex(":")
        vni = message.match.get("tunnel_id")
        self.after_delay((message.datapath.id, in_port, vni, mac),
                         self.set_up, message.datapath, in_port, vni, mac)

    def after_delay(self, key, function, *arguments):
        if key in self.pending:
            return
        self.pending.add(key)

        def run():
            self.pending.discard(key)
            function(*arguments)

        hub.spawn_after(self.delay, run)

    def answer_arp(self, datapath, in_port, data):
        question = packet.Packet(data).get_protocol(arp.arp)
        if question is None or question.opcode != arp.ARP_REQUEST:
            return
        place = self.locations.by_address.get(question.dst_ip)
        if place is None or place.mac == question.src_mac:
            return
        answer = packet.Packet()
        answer.add_protocol(ethernet.ethernet(question.src_mac, place.mac, 0x0806))
        answer.add_protocol(arp.arp(opcode=arp.ARP_REPLY, src_mac=place.mac, src_ip=place.address,
                                    dst_mac=question.src_mac, dst_ip=question.src_ip))
        answer.serialize()
        datapath.send_msg(datapath.ofproto_parser.OFPPacketOut(
            datapath=datapath, buffer_id=datapath.ofproto.OFP_NO_BUFFER,
            in_port=datapath.ofproto.OFPP_CONTROLLER,
            actions=[datapath.ofproto_parser.OFPActionOutput(in_port)], data=answer.data))

    def set_up(self, datapath, in_port, vni, mac):
        switch = self.switch_of(datapath)
        place = self.locations.by_mac.get(mac)
        if place is None:
            return
        match = {"in_port": in_port, "eth_dst": mac}
        if in_port == TUNNEL_PORT:
            match["tunnel_id"] = vni
            if place.node != switch.name or place.vni not in (None, vni):
                return
        else:
            source = self.locations.by_iface.get(self.ports[switch.name].iface_of(in_port))
            if source is None:
                return
            if switch.name == GATEWAY and source.owner != PEER:
                place = self.at_gateway.get(mac, place)
            vni = place.vni or source.vni
            if vni is None or source.vni not in (None, vni):
                return
        actions = self.way_to(datapath, switch, place, vni)
        if actions:
            self.write_flow(datapath, datapath.ofproto_parser.OFPMatch(**match), actions)

    def way_to(self, datapath, switch, place, vni):
        """The actions that bring a packet to a place; none as long as its port is not there."""
        parser = datapath.ofproto_parser
        if place.node == switch.name:
            port = self.ports[switch.name].port_of(place.iface)
            return [] if port is None else [parser.OFPActionOutput(port)]
        return [parser.OFPActionSetField(tunnel_id=vni),
                parser.OFPActionSetField(tun_ipv4_dst=self.switches[place.node].underlay),
                parser.OFPActionOutput(TUNNEL_PORT)]

    # Changes

    def watch_locations(self):
        while True:
            for old, new in self.locations.refresh():
                self.logger.info("%s: %s -> %s", old.mac, old.node, new.node if new else "gone")
                hub.spawn_after(self.delay, self.forget, old, new)
            hub.sleep(LOOK_EVERY_S)

    def forget(self, old, new):
        """Deletes the flows to an interface, and on the host that it left those from it."""
        gone = new is None
        for name, datapath in self.datapaths.items():
            match = {"eth_dst": old.mac}
            if name == GATEWAY and gone:
                self.at_gateway.pop(old.mac, None)
            elif name == GATEWAY:
                match["in_port"] = self.peer_port()
            self.delete_flows(datapath, match)
        port = self.ports[old.node].last_port_of(old.iface)
        if old.node in self.datapaths and port is not None:
            self.delete_flows(self.datapaths[old.node], {"in_port": port})
        self.forgotten[old.iface] = None if gone else new.node
        self.tell("forgotten", (f"{iface} {node}" for iface, node in self.forgotten.items()))

    def forget_port(self, name, port):
        datapath = self.datapaths.get(name)
        if datapath is not None:
            self.logger.info("%s: port %d has another number now", name, port)
            self.delete_flows(datapath, {"in_port": port})
            self.delete_flows(datapath, {}, out_port=port)

    def peer_port(self):
        peer = next(p for p in self.locations.by_mac.values() if p.owner == PEER)
        return self.ports[GATEWAY].last_port_of(peer.iface)

    def update_gateway(self):
        while True:
            hub.sleep(options.gateway_interval)
            places = dict(self.locations.by_mac)  # others run while it sends
            for mac, place in places.items():
                before = self.at_gateway.get(mac)
                if before is None or before.node != place.node:
                    self.logger.info("gateway: %s is on %s", mac, place.node)
                    self.modify_at_gateway(mac, place)
            self.at_gateway = places

    def modify_at_gateway(self, mac, place):
        datapath = self.datapaths.get(GATEWAY)
        if datapath is not None:
            actions = self.way_to(datapath, self.switches[GATEWAY], place, place.vni)
            self.write_flow(datapath, datapath.ofproto_parser.OFPMatch(eth_dst=mac), actions,
                            command=datapath.ofproto.OFPFC_MODIFY)

    # Messages

    @staticmethod
    def write_flow(datapath, match, actions, priority=PRIORITY, command=None):
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        command = ofproto.OFPFC_ADD if command is None else command
        changes = command == ofproto.OFPFC_MODIFY
        datapath.send_msg(parser.OFPFlowMod(
            datapath=datapath, command=command, match=match, priority=priority, cookie=COOKIE,
            cookie_mask=(1 << 64) - 1 if changes else 0,
            idle_timeout=IDLE_TIMEOUT_S if priority == PRIORITY and not changes else 0,
            instructions=[parser.OFPInstructionActions(ofproto.OFPIT_APPLY_ACTIONS, actions)]))

    @staticmethod
    def delete_flows(datapath, match, out_port=None):
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        datapath.send_msg(parser.OFPFlowMod(
            datapath=datapath, command=ofproto.OFPFC_DELETE, match=parser.OFPMatch(**match),
            cookie=COOKIE, cookie_mask=0 if options.delete == "all" else (1 << 64) - 1,
            out_port=ofproto.OFPP_ANY if out_port is None else out_port, out_group=ofproto.OFPG_ANY))
