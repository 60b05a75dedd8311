#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian's own checks of the packages find nothing, neither errors nor warnings.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../build/package"
command -v lintian >/dev/null || { echo "SKIP: no lintian"; exit 77; }
found=$(lintian --allow-root --tag-display-limit 0 -- *.deb 2>&1) || true
[[ ! $found ]] || { printf '%s\n' "$found"; exit 1; }
