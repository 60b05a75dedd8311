#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vmigrate hook: a guest that arrives gets this host's QEMU; nothing else is touched, and nothing that goes wrong fails
# a migration unless that is wanted.
source "$(dirname "$0")/functions.sh"

guest() { # EMULATOR
    cat <<EOT
<domain type='kvm'>
  <name>-web 1</name>
  <uuid>c7a5fdbd-cdaf-9455-926a-d65c16db1809</uuid>
  <memory>1048576</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices><emulator>$1</emulator></devices>
</domain>
EOT
}
settings() { # LINE...
    {
        printf '[hosts.here]\nuri = "test:///default"\nemulator = "/opt/qemu/bin/qemu-system-x86_64"\n[hook]\n'
        printf '%s\n' "$@"
    } | configure
}
answered() { # WORD...: what it prints
    "$VMIGRATE" hook -- "$@" 2>"$work/err" || fail "hook $*: exit code $?: $(cat "$work/err")"
}

settings 'host = "here"'
guest /usr/bin/qemu-system-x86_64 >"$work/guest.xml"
answered "-web 1" migrate begin - <"$work/guest.xml" >"$work/out.xml"
grep -qF '<emulator>/opt/qemu/bin/qemu-system-x86_64</emulator>' "$work/out.xml" ||
    fail "not the QEMU of this host: $(cat "$work/out.xml")"
grep -qF '<name>-web 1</name>' "$work/out.xml" || fail "not the whole guest: $(cat "$work/out.xml")"
[ ! -s "$work/err" ] || fail "unasked: $(cat "$work/err")"

# it has that already, or it is about something else
guest /opt/qemu/bin/qemu-system-x86_64 >"$work/same.xml"
[ -z "$(answered web1 migrate begin - <"$work/same.xml")" ] || fail "changed a guest that was right"
[ -z "$(answered web1 start begin - <"$work/guest.xml")" ] || fail "changed a guest that was started"
[ -z "$(answered web1 release end - <"$work/guest.xml")" ] || fail "changed a guest that ended"

# a started guest's taps get their queue; here there is none of that name
settings 'host = "here"' 'tap-queue = 5000'
sed "s|</devices>|<interface type='bridge'><mac address='52:54:00:00:00:01'/><target dev='no-such-tap'/></interface>&|" \
    "$work/guest.xml" >"$work/started.xml"
[ -z "$(answered web1 started begin - <"$work/started.xml")" ] || fail "changed a guest that was started"
grep -qF "cannot set the queue of 'no-such-tap' to 5000 packets: No such device" "$work/err" ||
    fail "no tap, and not said: $(cat "$work/err")"
settings 'host = "here"' 'tap-queue = "many"'
[ -z "$(answered web1 started begin - <"$work/started.xml")" ] || fail "answered"
settings 'host = "here"'
[ -z "$(answered web1 started begin - <"$work/started.xml")$(cat "$work/err")" ] || fail "unasked: $(cat "$work/err")"

# what goes wrong is said, and fails nothing
says() { # TEXT WORD... <INPUT
    local text=$1
    shift
    [ -z "$(answered "$@")" ] || fail "hook $*: answered in spite of an error"
    grep -qF -- "$text" "$work/err" || fail "hook $*: no '$text' in: $(cat "$work/err")"
    [ "$(wc -l <"$work/err")" -eq 1 ] || fail "hook $*: more than a line: $(cat "$work/err")"
}
says "not a description of a guest" web1 migrate begin - <<<"no XML"
says "'\$(reboot)' is no UUID" web1 migrate begin - \
    < <(sed 's|<uuid>.*</uuid>|<uuid>$(reboot)</uuid>|' "$work/guest.xml")
head -c 17000000 /dev/zero | tr '\0' ' ' >"$work/large"
says "larger than 16 MiB" web1 migrate begin - <"$work/large"
settings '# nothing'
says "add host = " web1 migrate begin - <"$work/guest.xml"
settings 'hosts = "here"'
says "did you mean 'host'?" web1 migrate begin - <"$work/guest.xml"
settings 'host = "there"'
says "no host 'there'" web1 migrate begin - <"$work/guest.xml"

# whoever does not get to the end of the XML goes on in time
settings 'host = "here"'
since=$SECONDS
mkfifo "$work/endless"
exec 9<>"$work/endless"
says "out of time" web1 migrate begin - <"$work/endless"
[ $((SECONDS - since)) -lt 30 ] || fail "it took $((SECONDS - since)) s"

# unless that is wanted
settings 'host = "here"' 'strict = true'
code=0
"$VMIGRATE" hook -- web1 migrate begin - <<<"no XML" >/dev/null 2>&1 || code=$?
[ "$code" -eq 1 ] || fail "strict: exit code $code"
