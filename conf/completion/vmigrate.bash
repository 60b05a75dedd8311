# SPDX-License-Identifier: GPL-2.0-or-later
#
# bash completion for vmigrate: commands, options, and the hosts and policies of the configuration.
# Nothing here connects to a host: guests are not completed.

_vmigrate_config() {
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} == --config ]]; then
            printf '%s\n' "${COMP_WORDS[i + 1]}"
            return
        fi
    done
    printf '%s\n' "${VMIGRATE_CONFIG:-/etc/vmigrate/vmigrate.toml}"
}

# Names of the tables [SECTION.NAME] in the configuration.
_vmigrate_names() {
    sed -n "s/^[[:space:]]*\\[$1\\.\"\\{0,1\\}\\([^].\"]*\\).*/\\1/p" "$(_vmigrate_config)" 2>/dev/null
}

_vmigrate_keys() {
    printf '%s=\n' bandwidth bandwidth-share downtime-limit downtime-steps blackout-ceiling ceiling-action \
        switchover-reserve switchover-hold max-iterations early-exit stall timeout timeout-action auto-converge \
        throttle-stall throttle-direct-within throttle-hold io-qos io-qos-stall io-qos-start \
        io-qos-step io-qos-floor postcopy postcopy-resume compression lz4-acceleration \
        bypass-compression ram-save-max-wait ram-delay-save-percent mig-block-size verify-ram verify-disks parallel-connections transport \
        peer-to-peer tls storage persist-destination undefine-source remove-source-disks measure \
        sample-interval
}

# What can be changed while a guest moves.
_vmigrate_tunable() {
    printf '%s=\n' bandwidth downtime-limit blackout-ceiling timeout timeout-action auto-converge \
        throttle-stall throttle-direct-within throttle-hold
}

_vmigrate() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command="" i
    local common="--help --config --json"
    local ways="--policy --set --no-measure --bandwidth --timeout --timeout-suspend
        --postcopy --timeout-postcopy --auto-converge --live --verbose --p2p --tunnelled --managed
        --direct --tls --compressed --comp-methods --parallel --parallel-connections --migrateuri
        --listen-address --graphicsuri --copy-storage-all --copy-storage-inc --migrate-disks
        --unsafe --abort-on-error
        --compression --lz4-acceleration --bypass-compression --ram-save-max-wait
        --ram-delay-save-percent --mig-block-size --verify-ram --verify-disks --observe-only"
    local move="$ways --from --to --measured --persistent --transient --undefinesource --keep-source --suspend
        --offline --emulator --dname --xml --persistent-xml"
    local many="--max-parallel --bandwidth --deadline --order --policy --dry-run --wait --detach
        --status --cancel --resume"
    local -A options=(
        [plan]="$move"
        [start]="$move --detach --wait-drain --probe --workload"
        [evacuate]="$many --to --label --stop-unmovable"
        [restore]="$many"
        [rebalance]="--dry-run --most-moves --policy"
        [status]="--watch"
        [tune]=""
        [abort]=""
        [recover]="--all --abort --elsewhere"
        [history]="--outcome --from --to --policy --since --until --limit --accuracy --statistics --csv --prune"
        [show]="--samples"
        [report]="--since --evacuation --output"
        [metrics]="--output --listen"
        [net]="--from --to --uuid --card --vni --migration --all"
        [hook]=""
        [hosts]="--guests"
        [verify]="$ways --rounds --between --matrix --only --list --state --patience --make-image --kernel --modules"
        [doctor]=""
        [version]=""
    )
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} == --config ]]; then
            ((i++))
        elif [[ -n ${COMP_WORDS[i]} && -n ${options[${COMP_WORDS[i]}]+known} ]]; then
            command=${COMP_WORDS[i]}
            break
        fi
    done
    COMPREPLY=()
    case $previous in
    --config | --workload | --state | --make-image | --kernel | --modules | --xml | --persistent-xml | --emulator)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --from | --to | --between)
        mapfile -t COMPREPLY < <(compgen -W "$(_vmigrate_names hosts)" -- "$word")
        return
        ;;
    --policy)
        mapfile -t COMPREPLY < <(compgen -W "$(_vmigrate_names policy)" -- "$word")
        return
        ;;
    --set)
        compopt -o nospace 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -W "$(_vmigrate_keys)" -- "$word")
        return
        ;;
    --order)
        mapfile -t COMPREPLY < <(compgen -W "small-first idle-first priority" -- "$word")
        return
        ;;
    --outcome)
        mapfile -t COMPREPLY < <(
            compgen -W "moved moved-with-problems failed-on-source unknown" -- "$word")
        return
        ;;
    --compression | --comp-methods)
        mapfile -t COMPREPLY < <(compgen -W "auto off mt xbzrle lz4" -- "$word")
        return
        ;;
    esac
    if [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${!options[*]} --config --json --help --version" -- \
            "$word")
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$common ${options[$command]}" -- "$word")
    elif [[ $command == hosts || $command == evacuate || $command == restore ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_vmigrate_names hosts)" -- "$word")
    elif [[ $command == tune && $previous != tune ]]; then
        compopt -o nospace 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -W "$(_vmigrate_tunable)" -- "$word")
    fi
}

complete -F _vmigrate vmigrate
