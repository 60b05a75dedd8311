#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The packages on a clean Debian 12: they install, `vmigrate doctor` says what is missing, configuration and history
# survive an upgrade and a removal, a purge leaves nothing. The clean system is kept, with the packages that ours need,
# for a week in the cache; it lives in memory, in namespaces that end with this script.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$top/tools/common.sh"
release=bookworm
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vmigrate/debian

fail() { echo "FAILED: $*"; exit 1; }
skip() { echo "SKIP: $*"; exit 77; }
((EUID == 0)) || skip "needs root"
command -v debootstrap >/dev/null || skip "no debootstrap"
[[ ${IN_NAMESPACES-} ]] || IN_NAMESPACES=1 exec unshare --mount --pid --fork --kill-child --mount-proc bash "$0"

packages=("$top"/build/package/vmigrate{,-qemu}_*.deb)
lab=("$top"/build/package/vmigrate-lab_*.deb)
[[ -f ${packages[1]} ]] || packages=("${packages[0]}")
root=$(mktemp -d)
mount -t tmpfs -o mode=0755 tmpfs "$root"
trap 'umount --lazy "$root"; rmdir "$root"' EXIT

# inside COMMAND...: there, with its output in $out; inside_code is its exit code
inside() {
    inside_code=0
    out=$(chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        TERM=dumb "$@" 2>&1 </dev/null) || inside_code=$?
}
must() { inside "$@"; ((inside_code == 0)) || fail "$*: $out"; }
apt() { must apt-get -y -o APT::Sandbox::User=root -o Dpkg::Options::=--force-confold "$@"; }
says() { grep -qF -- "$1" <<<"$out" || fail "expected '$1' in: $out"; }
config=$root/etc/vmigrate/vmigrate.toml

make_clean_system() {
    local mirrors
    mirrors=$(debian_mirrors "$release")
    debootstrap --variant=minbase "$release" "$root" \
        "$(sed -n "s/ $release\$//p" <<<"$mirrors" | sed -n 1p)" >"$root.log" 2>&1 || { tail "$root.log"; exit 1; }
    rm "$root.log"
    sed 's/^/deb /; s/$/ main/' <<<"$mirrors" >"$root/etc/apt/sources.list"
    apt-config dump Acquire | grep -i '::proxy' >"$root/etc/apt/apt.conf.d/00proxy" || true
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
    mkdir "$root/packages"
    cp "${packages[@]}" "${lab[@]}" "$root/packages/"
    apt update
    apt install --no-install-recommends --download-only "${packages[@]/#*\///packages/}"
    rm -r "$root/packages"
}

# named by what it holds
needs=$(for package in "${packages[@]}"; do dpkg-deb -f "$package" Depends; done)
clean=$cache/$release-$(sha256sum <<<"$needs" | cut -c1-16).tar
if [[ ! $(find "$clean" -mtime -7 2>/dev/null) ]]; then
    make_clean_system
    mkdir -p "$cache"
    tar -C "$root" --one-file-system -cf "$clean.$$" .
    rm -f "$cache/$release"-*.tar
    mv "$clean.$$" "$clean"
else
    tar -C "$root" -xf "$clean"
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
fi
mount -t proc proc "$root/proc"
mkdir "$root/packages"
cp "${packages[@]}" "${lab[@]}" "$root/packages/"

# A higher version, which ships another configuration and another hook.
higher=$root/packages/higher.deb
dpkg-deb --raw-extract "${packages[0]}" "$root/packages/tree"
sed -i 's/^Version: .*/Version: 99.0-1/' "$root/packages/tree/DEBIAN/control"
for file in etc/vmigrate/vmigrate.toml etc/libvirt/hooks/qemu.d/vmigrate; do
    echo "# of the new version" >>"$root/packages/tree/$file"
done
dpkg-deb --build -Znone "$root/packages/tree" "$higher" >/dev/null
rm -r "$root/packages/tree"

# --- install
apt install --no-install-recommends "${packages[@]/#*\///packages/}"
inside dpkg --audit
[[ ! $out ]] || fail "dpkg --audit: $out"
must bash -c 'for word in bin/vmigrate libexec/vmigrate/vmigrate-verifier share/man/man1/vmigrate.1.gz; do
    test -s /usr/$word || { echo "no /usr/$word"; exit 1; }; done'
[[ $(stat -c %a "$root/var/lib/vmigrate") == 750 ]] || fail "anybody can look into /var/lib/vmigrate"
# What the lab needs is there to be installed; all of it would be a gigabyte.
apt install --no-install-recommends --simulate "/packages/$(basename "${lab[0]}")"
says "Inst vmigrate-lab"
if [[ ${packages[1]-} ]]; then
    # It finds its libraries, and Debian's firmware.
    must timeout 60 bash -c 'echo quit | /usr/lib/vmigrate-qemu/bin/qemu-system-x86_64 -M q35 -S -display none \
        -monitor stdio -device virtio-net-pci'
    must /usr/lib/vmigrate-qemu/allow-in-apparmor
    says "AppArmor does not confine libvirt here"
    must /usr/lib/vmigrate-qemu/allow-in-apparmor
    [[ $(cat "$root"/etc/apparmor.d/local/{usr.sbin.libvirtd,abstractions/libvirt-qemu}) == \
        "/usr/lib/vmigrate-qemu/bin/* PUx,
/usr/lib/vmigrate-qemu/bin/qemu-system-x86_64 rmix," ]] || fail "not the rules for AppArmor, once each"
    must /usr/lib/vmigrate-qemu/allow-in-apparmor --remove
    [[ ! -s $root/etc/apparmor.d/local/usr.sbin.libvirtd ]] || fail "the rules for AppArmor stay"
fi

# --- what is missing, in words
inside vmigrate doctor
((inside_code == 2)) || fail "doctor without hosts: exit code $inside_code: $out"
says "/etc/vmigrate/vmigrate.toml names no hosts: add a [hosts.NAME] with its uri for each host"
cat >>"$config" <<'TOML'
[hosts.here]
uri = "qemu:///system"
[hosts.there]
uri = "qemu+tls://there.invalid/system"
TOML
inside vmigrate doctor
((inside_code == 3)) || fail "doctor without a libvirt: exit code $inside_code: $out"
says "libvirt-sock"
says "'virsh -c qemu:///system version' must work from this machine"
says "there: answer"
says "2 check(s) failed"

# --- a history, and units that the administrator enabled
for host in a b; do
    echo "<node>$([[ $host == b ]] || echo '<domain type="test"><name>web1</name><memory>65536</memory><os>
        <type>hvm</type></os></domain>')</node>" >"$root/packages/$host.xml"
    printf '[hosts.%s]\nuri = "test:///packages/%s.xml"\n' "$host" "$host"
done >"$root/packages/test.toml"
inside vmigrate evacuate a --config /packages/test.toml
((inside_code == 3)) || fail "evacuate: exit code $inside_code: $out"
history=$root/var/lib/vmigrate/history.db
[[ $(stat -c %a "$history") == 640 ]] || fail "anybody can read the history"
must env DPKG_MAINTSCRIPT_PACKAGE=vmigrate deb-systemd-helper enable vmigrate-recover.service
enabled=$root/etc/systemd/system/multi-user.target.wants/vmigrate-recover.service
[[ -L $enabled ]] || fail "cannot enable vmigrate-recover.service"
before=$(sha256sum "$config" "$history")
kept() {
    [[ $(sha256sum "$config" "$history") == "$before" ]] ||
        fail "$1: configuration or history changed"
}

# --- upgrade
apt install /packages/higher.deb
must dpkg-query -W -f '${Version}' vmigrate
[[ $out == 99.0-1 ]] || fail "the upgrade made it $out"
kept upgrade
must vmigrate evacuate a --status --config /packages/test.toml
says web1
before=$(sha256sum "$config" "$history")
grep -qx '# of the new version' "$root/etc/libvirt/hooks/qemu.d/vmigrate" || fail "an unchanged hook was not renewed"
[[ -L $enabled ]] || fail "the upgrade disabled a unit"

# --- removal
apt remove vmigrate
[[ ! -e $root/usr/bin/vmigrate && ! -e $root/lib/systemd/system/vmigrate-recover.service ]] || fail "not removed"
kept removal
must /etc/libvirt/hooks/qemu.d/vmigrate web1 start begin - # else no guest would start any more

# --- purge
apt purge vmigrate ${packages[1]:+vmigrate-qemu}
left=$(cd "$root" && find . -xdev -name '*vmigrate*' ! -path './packages/*' ! -path './var/cache/*' ! -path './proc/*')
[[ ! $left ]] || fail "a purge leaves $left"
