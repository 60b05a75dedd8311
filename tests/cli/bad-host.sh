#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Unknown guests and hosts, destination = source: one line, nothing on stdout.
source "$(dirname "$0")/functions.sh"

{
    test_host a web1 both
    test_host b web2 both
} | configure
refused 2 "no guest 'nobody'" plan nobody
refused 2 "no guest 'nobody'" start nobody
refused 2 "no guest '6695eb01-f6a4-8304-79aa-97f2502e193f'" plan 6695eb01-f6a4-8304-79aa-97f2502e193f
refused 2 "no host 'c'" plan web1 --to c
refused 2 "no host 'c'" start web1 --from c
refused 2 "no host 'c'" hosts c
refused 2 "both 'a'" plan web1 --from a --to a
refused 3 "is on a already" plan web1 --to a
refused 2 "no guest 'web1'" plan web1 --from b --to a
refused 2 "several guests are called 'both'" plan both
refused 2 "no policy 'night'" plan web1 --policy night
