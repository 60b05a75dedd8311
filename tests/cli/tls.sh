#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vmigrate-tls: who gets which files, for which names, and that nobody else can read keys.
source "$(dirname "$0")/functions.sh"

requires python3
requires openssl
tls=$SOURCE_DIR/conf/tls/vmigrate-tls
configure <<'TOML'
[hosts.host1]
uri = "qemu+tls://h1.example/system?pkipath=/x"
migration-host = "10.0.0.1"
openflow = "ssl:[fd00::1]:6653"
[hosts.host2]
uri = "qemu+ssh://root@host2/system"
peer-uri = "qemu+tls://host2-peer/system"
[peers.gateway]
ovsdb = "ssl:gw.example:6640"
[peers.bare]
openflow = "unix:/run/x.mgmt"
TOML
make() { # CODE WORD...
    local wanted=$1
    shift
    code=0
    "$tls" "$@" >"$work/out" 2>"$work/err" || code=$?
    [[ $code == "$wanted" ]] || fail "vmigrate-tls $*: expected exit code $wanted"
}
certificate() { tar -xOf "$work/pki/$1.tar" "$2" | openssl x509 -noout "${@:3}"; }
names() { certificate "$@" -ext subjectAltName | sed -n '2s/^ *//p'; }

make 0 "$work/pki"
[[ $(cd "$work/pki" && echo *) == "admin.tar gateway.tar host1.tar host2.tar libvirt-ca-cert.pem libvirt-ca-key.pem \
migration-ca-cert.pem migration-ca-key.pem openflow-ca-cert.pem openflow-ca-key.pem" ]] || fail "$(ls "$work/pki")"
[[ $(stat -c %a "$work/pki" "$work"/pki/*.tar "$work"/pki/*-key.pem | sort -u | xargs) == "600 700" ]] ||
    fail "others can read keys"
[[ $(names host1 etc/pki/libvirt/servercert.pem) == \
    "DNS:host1, DNS:h1.example, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1" ]] || fail "names of host1"
[[ $(names host2 etc/pki/qemu/server-cert.pem) == "DNS:host2, DNS:host2-peer" ]] || fail "names of host2"
[[ $(tar -tf "$work/pki/gateway.tar" | grep -vc ^etc/openvswitch/vmigrate-) == 0 ]] || fail "more than the gateway needs"
! tar -tf "$work/pki/host2.tar" | grep openvswitch >/dev/null || fail "host2 has no switch by TLS"
[[ $(tar -tvf "$work/pki/host1.tar" | awk '/key.pem/ { print $1, $2 }' | sort -u | xargs) == \
    "-rw------- root/root -rw-r----- root/libvirt-qemu" ]] || fail "modes of the keys"
# A key that QEMU can read does not open libvirt.
tar -xOf "$work/pki/host1.tar" etc/pki/qemu/client-cert.pem >"$work/qemu.pem"
openssl verify -CAfile "$work/pki/migration-ca-cert.pem" "$work/qemu.pem" >"$work/out" 2>"$work/err" || fail "its authority"
! openssl verify -CAfile "$work/pki/libvirt-ca-cert.pem" "$work/qemu.pem" >"$work/out" 2>&1 || fail "one authority for all"

# Renewed with the same authority, and only who is named.
authority=$(cat "$work/pki/libvirt-ca-cert.pem")
serial=$(certificate host1 etc/pki/libvirt/servercert.pem -serial) other=$(sha256sum "$work/pki/host2.tar")
make 0 --days 9 "$work/pki" host1
[[ $(cat "$work/pki/libvirt-ca-cert.pem") == "$authority" ]] || fail "another authority"
[[ $(certificate host1 etc/pki/libvirt/servercert.pem -serial) != "$serial" ]] || fail "not renewed"
[[ $(sha256sum "$work/pki/host2.tar") == "$other" ]] || fail "renewed unasked"
certificate host1 etc/pki/libvirt/servercert.pem -checkend $((8 * 86400)) >"$work/out" || fail "not for nine days"
! certificate host1 etc/pki/libvirt/servercert.pem -checkend $((10 * 86400)) >"$work/out" || fail "for more than nine days"

make 2 "$work/pki" host3
err_has "no host 'host3'"
make 2 --config /nonexistent "$work/pki"
err_has "/nonexistent"
configure </dev/null
make 2 "$work/pki"
err_has "names no hosts"
printf '[hosts."../x"]\nuri = "qemu:///system"\n' | configure
make 2 "$work/pki"
err_has "is no name of a host"
printf '[hosts.x]\nuri = "qemu:///system"\nmigration-host = "a,DNS:b"\n' | configure
make 2 "$work/pki"
err_has "is no name of a host"
