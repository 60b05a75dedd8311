#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Mistakes in the configuration: file, line, what was meant; exit code 2.
source "$(dirname "$0")/functions.sh"

mistake() {
    printf '%s\n' "$3" >"$VMIGRATE_CONFIG"
    refused 2 "$VMIGRATE_CONFIG:$1: " doctor
    err_has "$2"
}
mistake 1 "did you mean 'hosts'?" '[hots.a]'
mistake 2 "did you mean 'uri'?" $'[hosts.a]\nurl = "qemu:///system"\nuri = "qemu:///system"'
mistake 1 "has no uri" '[hosts.a]'
mistake 2 "downtime-limit" $'[policy.default]\ndowntime-limit = "300"'
mistake 2 "did you mean 'max-iterations'?" $'[policy.night]\nmax-iteration = 3'
mistake 2 "max-iterations" $'[policy.night]\nmax-iterations = -3'
mistake 2 "known: none, bridge, exec, ovs" $'[network]\nbackend = "carrier-pigeon"'
mistake 2 "neither" $'[transport]\nclear-text = "sometimes"'
mistake 3 "the same uri" $'[hosts.a]\nuri = "test:///default"\n[hosts.b]\nuri = "test:///default"'

# Several mistakes: a line each, at most ten and how many more.
for ((i = 0; i < 12; i++)); do
    printf '[nonsense%s]\n' "$i"
done >"$VMIGRATE_CONFIG"
run 2 doctor
[[ $(wc -l <"$work/err") == 11 ]] || fail "expected ten errors and a line about the rest"
err_has "and 2 more errors"

# A file that was named must be there and be a file; the default one may be absent.
refused 2 "No such file" doctor --config "$work/none.toml"
refused 2 "Is a directory" doctor --config "$work"
refused 2 "No such file" --config "$work/none.toml" history
: >"$VMIGRATE_CONFIG"
refused 2 "names no hosts" hosts
refused 2 "names no hosts" plan web1
