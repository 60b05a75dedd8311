#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# OpenFlow by TLS with the certificates of vmigrate-tls: with a switch of another authority, with an expired certificate and
# with one for another host, nothing is asked of it, and one line says why. One that names no host, as Open vSwitch's own
# tools make them, will do.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
vmigrate=${VMIGRATE:-${VMIGRATE_BUILD:-$top/build/release}/src/cli/vmigrate}

fail() { echo "FAIL: $*"; exit 1; }
skip() { echo "SKIP: $*"; exit 77; }
[ "$(id -u)" -eq 0 ] || skip "needs root"
PATH=$PATH:/usr/sbin:/sbin
for program in ovs-vswitchd ovsdb-server ovs-vsctl openssl python3 unshare; do
    command -v "$program" >/dev/null || skip "needs $program"
done
[ -x "$vmigrate" ] || fail "no $vmigrate: build it first"
[ "${1-}" = inside ] || exec unshare --net --pid --fork --kill-child --mount-proc bash "$0" inside

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT # the switch ends with the namespaces
export OVS_RUNDIR=$dir OVS_DBDIR=$dir OVS_LOGDIR=$dir
ip link set lo up
cd "$dir"
# config FILE ADDRESS: the switch is reached there
config() {
    cat >"$1" <<EOT
[hosts.one]
uri = "qemu:///system"
openflow = "ssl:$2:6653"
ovsdb = "ssl:$2:6640"
bridge = "br0"
tunnel-address = "10.0.0.1"
[network]
backend = "ovs"
private-key = "$dir/admin/etc/vmigrate/key.pem"
certificate = "$dir/admin/etc/vmigrate/certificate.pem"
authority = "$dir/admin/etc/vmigrate/authority.pem"
[history]
path = "$dir/history.db"
EOT
}
config here.toml 127.0.0.1
config there.toml 10.0.0.9
certificates() { "$top/conf/tls/vmigrate-tls" "$@" >/dev/null; }
certificates --config here.toml good
cp -r good expired
certificates --config here.toml --days 0 expired one
cp -r good elsewhere
certificates --config there.toml elsewhere one
certificates --config here.toml stranger
mkdir admin
tar -C admin -xf good/admin.tar

# present FOLDER: the switch has these from now on
present() { tar -C switch --touch --no-same-owner --strip-components=2 -xf "$1/one.tar" etc/openvswitch; }
mkdir switch
present good
ovsdb-tool create conf.db /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server "$dir/conf.db" --remote="punix:$dir/db.sock" --remote=pssl:6640 --pidfile --detach --no-chdir --log-file \
    --private-key=switch/vmigrate-key.pem --certificate=switch/vmigrate-certificate.pem \
    --ca-cert=switch/vmigrate-authority.pem -vconsole:off 2>/dev/null
vsctl() { ovs-vsctl --db="unix:$dir/db.sock" "$@"; }
vsctl --no-wait init
vsctl --no-wait set-ssl "$dir/switch/vmigrate-key.pem" "$dir/switch/vmigrate-certificate.pem" \
    "$dir/switch/vmigrate-authority.pem"
ovs-vswitchd "unix:$dir/db.sock" --pidfile --detach --no-chdir --enable-dummy --log-file -vconsole:off 2>/dev/null
vsctl add-br br0 -- set bridge br0 datapath_type=dummy fail-mode=secure protocols=OpenFlow14 -- \
    set-controller br0 pssl:6653

# asked CODE PATTERN: what `vmigrate net status` says with the certificates that are there. The switch reads them again
# when they have changed, at its next look.
asked() {
    local code out try
    for try in 1 2 3 4 5; do
        code=0
        out=$("$vmigrate" net status --config here.toml 2>&1) || code=$?
        if [ "$code" -eq "$1" ] && grep -qE -- "$2" <<<"$out"; then
            [ "$(wc -l <<<"$out")" -eq 1 ] || fail "more than one line: $out"
            echo "  $out"
            return
        fi
        sleep 1
    done
    fail "exit code $code instead of $1, or no /$2/, at the ${try}th time: $out"
}
asked 0 "no flows|nothing|^"
present stranger
asked 3 "TLS with ssl:127.0.0.1:66[45][03] failed: .*issuer"
present expired
asked 3 "TLS with ssl:127.0.0.1:66[45][03] failed: .*expired"
present elsewhere
asked 3 "TLS with ssl:127.0.0.1:66[45][03] failed: its certificate is not for '127.0.0.1'"

# as ovs-pki makes it
openssl req -new -key switch/vmigrate-key.pem -subj "/CN=one id:1" 2>/dev/null |
    openssl x509 -req -CA good/openflow-ca-cert.pem -CAkey good/openflow-ca-key.pem -set_serial 99 -days 2 \
        -out switch/vmigrate-certificate.pem 2>/dev/null
touch switch/vmigrate-key.pem # the switch takes both or none
asked 0 "^"

# and unencrypted it is asked for nothing at all
sed 's/ssl:127.0.0.1/tcp:10.0.0.9/' here.toml >clear.toml
code=0
out=$("$vmigrate" net status --config clear.toml 2>&1) || code=$?
[ "$code" -eq 2 ] && grep -q 'would be in clear text; use ssl:' <<<"$out" || fail "exit code $code: $out"
