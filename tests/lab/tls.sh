#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A move with libvirt and the migration by TLS, with the certificates of vmigrate-tls and clear text not allowed. Then, for
# each of the two, certificates of another authority, expired ones and ones for another host: refused in one line, and
# the guest is as it was.
. "$(dirname "$0")/vm-common.sh"
command -v python3 >/dev/null || skip "needs python3"
two_hosts
make_guest g --memory 192M --disk 32M:shared
tls=$LAB_STATE/tls
mkdir "$tls"

# config FILE NAME-OF-HOST2: hosts reached by TLS, with the files of the admin's archive
config() {
    cat >"$1" <<EOT
[hosts.host1]
uri = "qemu+tls://host1/system?pkipath=$tls/admin"
peer-uri = "qemu+tls://host1/system?pkipath=/etc/libvirt/client"
migration-host = "host1-mig"
shared-storage = ["/srv/vmigrate-lab/shared"]
[hosts.$2]
uri = "qemu+tls://$2/system?pkipath=$tls/admin"
peer-uri = "qemu+tls://$2/system?pkipath=/etc/libvirt/client"
migration-host = "$2-mig"
shared-storage = ["/srv/vmigrate-lab/shared"]
[history]
path = "$LAB_STATE/history.db"
EOT
}
config "$LAB_STATE/tls.toml" host2
config "$LAB_STATE/elsewhere.toml" elsewhere
make_certificates() { "$LAB_TOP/conf/tls/vmigrate-tls" "$@" >/dev/null; }
make_certificates --config "$LAB_STATE/tls.toml" "$tls/good"
# The same authorities, over already; the same for another name; others for the right names.
cp -r "$tls/good" "$tls/expired"
make_certificates --config "$LAB_STATE/tls.toml" --days 0 "$tls/expired" host2
cp -r "$tls/good" "$tls/elsewhere"
make_certificates --config "$LAB_STATE/elsewhere.toml" "$tls/elsewhere" elsewhere
mv "$tls/elsewhere/elsewhere.tar" "$tls/elsewhere/host2.tar"
make_certificates --config "$LAB_STATE/tls.toml" "$tls/stranger"

# client FOLDER ARCHIVE: as libvirt's pkipath wants its files
client() {
    mkdir -p "$1"
    tar -xOf "$2" etc/pki/CA/cacert.pem >"$1/cacert.pem"
    tar -xOf "$2" etc/pki/libvirt/clientcert.pem >"$1/clientcert.pem"
    tar -xOf "$2" etc/pki/libvirt/private/clientkey.pem >"$1/clientkey.pem"
}
client "$tls/admin" "$tls/good/admin.tar"
# libvirt_of HOST SET, migration_of HOST SET: what the host presents from now on
libvirt_of() {
    local etc=$LAB_STATE/$1/etc
    rm -rf "$etc/server"
    mkdir "$etc/server"
    tar -C "$etc/server" --no-same-owner -xf "$tls/$2/$1.tar"
    lab stop-libvirtd "$1"
    lab start-libvirtd "$1"
}
migration_of() {
    rm -f "$LAB_STATE/$1/etc/pki"/*
    tar -C "$LAB_STATE/$1/etc/pki" --no-same-owner --strip-components=3 -xf "$tls/$2/$1.tar" etc/pki/qemu
}
for host in host1 host2; do
    client "$LAB_STATE/$host/etc/client" "$tls/good/$host.tar"
    sed -i '/^listen_tls/d; /^listen_tcp/d' "$LAB_STATE/$host/etc/libvirtd.conf"
    cat >>"$LAB_STATE/$host/etc/libvirtd.conf" <<'EOT'
listen_tls = 1
listen_tcp = 0
tls_no_sanity_certificate = 1
ca_file = "/etc/libvirt/server/etc/pki/CA/cacert.pem"
cert_file = "/etc/libvirt/server/etc/pki/libvirt/servercert.pem"
key_file = "/etc/libvirt/server/etc/pki/libvirt/private/serverkey.pem"
EOT
    libvirt_of "$host" good
    migration_of "$host" good
done
secured=(--config "$LAB_STATE/tls.toml")

# refused CODE PATTERN: a move to host2 is refused, one line says why, and the guest does not notice
refused() {
    local since
    since=$(lab clock)
    expect_code "$1" start g --to host2 --tls --no-measure "${secured[@]}"
    [ "$(grep -cE -- "$2" <<<"$out")" -eq 1 ] || fail "not one line with /$2/: $out"
    runs_only_on host1 g
    alive g "$since"
}

# --- libvirt
libvirt_of host2 stranger
refused 3 "cannot connect to host 'host2': .*known issuer"
libvirt_of host2 expired
refused 3 "cannot connect to host 'host2': .*expired"
libvirt_of host2 elsewhere
refused 3 "cannot connect to host 'host2': .*does not match the hostname host2"
libvirt_of host2 good

# --- migration
before=$(settings_of host1 g)
migration_of host2 stranger
refused 1 "^'g' did not move, it is on host1 as before .*certificate .* known issuer"
migration_of host2 expired
refused 1 "^'g' did not move, it is on host1 as before .*certificate .* expired"
migration_of host2 elsewhere
refused 1 "^'g' did not move, it is on host1 as before .*Certificate does not match the hostname host2-mig"
[ "$(settings_of host1 g)" = "$before" ] || fail "settings changed"
migration_of host2 good

# --- and with the right ones
expect_code 3 start g --to host2 "${secured[@]}"
grep -q "in clear text" <<<"$out" || fail "clear text is not refused: $out"
since=$(lab clock)
expect_code 0 start g --to host2 --tls "${secured[@]}"
runs_only_on host2 g
alive g "$since"
no_vmigrate_left
