#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The example script for a maintenance window does the work only on an empty host, and brings the guests home.
source "$(dirname "$0")/functions.sh"

cat >"$work/vmigrate" <<'END'
#!/bin/bash
echo "vmigrate $*" >>"$CALLS"
case $1 in
evacuate) exit "$EVACUATE" ;;
restore) exit "$RESTORE" ;;
esac
END
chmod +x "$work/vmigrate"
export CALLS="$work/calls" EVACUATE RESTORE

# window EVACUATE WORK RESTORE: its exit code, and what was called, must be as the next arguments say
window() {
    EVACUATE=$1 RESTORE=$3
    : >"$CALLS"
    code=0
    VMIGRATE=$work/vmigrate "$SOURCE_DIR/conf/examples/maintenance-window" host1 --deadline 2h -- \
        bash -c "echo work >>'$CALLS'; exit $2" >"$work/out" 2>"$work/err" || code=$?
    [[ $code == "$4" ]] || fail "evacuate $1, work $2, restore $3: expected exit code $4"
    [[ "$(cut -d' ' -f1,2 "$CALLS" | tr '\n' ' ')" == "$5 " ]] ||
        fail "evacuate $1, work $2, restore $3: called $(cat "$CALLS")"
}
all='vmigrate evacuate work vmigrate restore'
window 0 0 0 0 "$all"
grep -qx 'vmigrate evacuate host1 --deadline 2h' "$CALLS" || fail "options are not passed on: $(cat "$CALLS")"
window 4 0 0 4 "$all"
window 0 9 0 9 "$all"
window 0 9 6 9 "$all"
window 0 0 6 6 "$all"
grep -q 'not everybody came home' "$work/err" || fail "it is not said who stays away"
for code in 1 6 130; do
    window "$code" 0 0 "$code" 'vmigrate evacuate vmigrate restore'
    grep -q 'the work is not done' "$work/err" || fail "it is not said that nothing was done"
done
for code in 2 3 5; do
    window "$code" 0 0 "$code" 'vmigrate evacuate'
done
code=0
"$SOURCE_DIR/conf/examples/maintenance-window" host1 2>"$work/err" >"$work/out" || code=$?
[[ $code == 2 && ! -s $work/out ]] || fail "no command is wrong usage"
