#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The operator's guide quotes what vmigrate says, and names commands, options and keys that exist.
source "$(dirname "$0")/functions.sh"

requires python3
configure </dev/null
guide=$SOURCE_DIR/docs/operators-guide.md

# A quotation's parts between dots are in the sources, there with "{}" for names.
python3 - "$guide" "$SOURCE_DIR" >"$work/out" 2>"$work/err" <<'END' || fail "quotations that are nowhere in the sources"
import pathlib, re, sys
guide = pathlib.Path(sys.argv[1]).read_text()
literals = []
for path in pathlib.Path(sys.argv[2], "src").rglob("*.cc"):
    text = re.sub(r'"\s*\n\s*"', "", path.read_text())
    literals += [l.replace('\\"', '"') for l in re.findall(r'"((?:[^"\\\n]|\\.)*)"', text)]
said = re.sub(r"\{[^{}]*\}", "\0", "\1".join(literals))
rows = [line.split("|")[1] for line in guide.splitlines() if line.startswith('| "')]
rows = [row.split(" with ")[0] for row in rows]  # what follows is said by libvirt
quotations = [q for row in rows for q in re.findall(r'"([^"]+)"', row)]
if len(quotations) < 35:
    sys.exit(f"only {len(quotations)} quotations found")
bad = [(q, part) for q in quotations for part in q.split("…") if len(part.strip()) > 3 and part.strip() not in said]
for quotation, part in bad:
    print(f"{quotation}: {part.strip()}")
sys.exit(1 if bad else 0)
END

run 0 --help
commands=" $(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$work/out" | xargs) "
while read -r command; do
    [[ $commands == *" $command "* ]] || fail "the guide names vmigrate $command"
done < <(grep -oE '`vmigrate [a-z]+' "$guide" | cut -d' ' -f2 | sort -u)
while read -r option; do
    grep -qE "Fl Fl ${option#--}( |\$)" "$SOURCE_DIR"/man/*.1 ||
        fail "the guide names the option $option"
done < <(grep -oE '(^|[` ])--[a-z][a-z-]+' "$guide" | tr -d '` ' | sort -u | grep -vx -e --id -e --now)
while read -r key; do
    grep -qE "^# ?\[?$key( =|[].])|^# ?$key = " "$SOURCE_DIR/conf/vmigrate.toml" || fail "the guide names the key $key"
done < <(sed -n '/```toml/,/```/s/^ *\([a-z-]*\) = .*/\1/p' "$guide" | sort -u)
