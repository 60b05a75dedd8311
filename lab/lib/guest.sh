# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Guests. What a guest's name may hold (spaces, quotes, any letter) is libvirt's business: the lab
# itself goes by a number, from which address, MAC and file names follow, and by the UUID.

help_guest() {
    cat <<'TEXT'
Usage: lab guest NAME [OPTION...]
       lab guest --remove NAME
Makes a guest that runs the lab's workload and waits for its first heartbeat.

  --host HOST            where it starts (default host1)
  --memory SIZE          e.g. 256M (default), 2G
  --backing KIND         what its memory is on the host: private (default), shared (a memfd), or
                         huge (pages of 2 MiB; the machine's number of them grows until "lab down")
  --ksm                  KSM merges equal pages, on the whole machine until "lab down"
  --vcpus N              default 1
  --disk SIZE[:POOL][:FORMAT]
                         adds a disk; POOL shared (default) or local, FORMAT raw (default) or qcow2
  --emulator PATH|stock  another QEMU; "stock" is Debian's
  --image FOLDER         what it boots, "vmlinuz" and "initramfs" (default: the lab's own)
  --global NAME=VALUE    a property for all devices of its QEMU, here and on other hosts
  --workload "K=V ..."   see lab set --help
  --transient            not defined, gone when it stops (default: defined and started)
  --paused               started, but its vCPUs do not run
  --no-start             defined only
  --vnc                  with a VNC display on the host's address
  --vni VNI              its VPC, on the fabric "ovs" (default 100)

A name that begins with "-" goes after "--".
Example: lab guest db --memory 512M --disk 1G:local:qcow2 --workload "dirty-rate=20M"
TEXT
}

cmd_guest() {
    local name='' host=host1 memory=256M vcpus=1 emulator='' workload='' disks=() globals=()
    local start=run define=1 vnc='' vni=$DEFAULT_VNI remove='' options=1
    local backing=private ksm='' image=''
    while [ $# -gt 0 ]; do
        if [ "$options" ]; then
            case $1 in
                --host | --memory | --backing | --vcpus | --disk | --emulator | --image | --global | --workload | --vni)
                    [ $# -ge 2 ] || usage_error "$1 needs a value" ;;&
                --host) host=$2; shift 2; continue ;;
                --memory) memory=$2; shift 2; continue ;;
                --backing) backing=$2; shift 2; continue ;;
                --ksm) ksm=1; shift; continue ;;
                --vcpus) vcpus=$2; shift 2; continue ;;
                --disk) disks+=("$2"); shift 2; continue ;;
                --emulator) emulator=$2; shift 2; continue ;;
                --image) image=$2; shift 2; continue ;;
                --global) globals+=("$2"); shift 2; continue ;;
                --workload) workload=$2; shift 2; continue ;;
                --vni) vni=$2; shift 2; continue ;;
                --define) define=1; shift; continue ;;
                --transient) define=; shift; continue ;;
                --paused) start=paused; shift; continue ;;
                --no-start) start=; shift; continue ;;
                --vnc) vnc=1; shift; continue ;;
                --remove) remove=1; shift; continue ;;
                --) options=; shift; continue ;;
                -*) usage_error "unknown option \"$1\"; see lab guest --help" ;;
            esac
        fi
        [ -z "$name" ] || usage_error "one name only, \"$name\" or \"$1\"; quote a name with spaces"
        name=$1
        shift
    done
    [ -n "$name" ] || usage_error "guest needs a NAME; see lab guest --help"
    need_lab
    if [ "$remove" ]; then
        remove_guest "$name"
        return
    fi
    need_host "$host"
    [[ $memory =~ ^[1-9][0-9]*[MG]$ ]] || usage_error "bad memory size \"$memory\"; e.g. 256M or 2G"
    [[ $backing =~ ^(private|shared|huge)$ ]] ||
        usage_error "unknown backing \"$backing\" (private, shared or huge)"
    [[ $vcpus =~ ^[1-9][0-9]?$ ]] || usage_error "bad number of vCPUs \"$vcpus\""
    need_vni "$vni"
    [ "$vni" = "$DEFAULT_VNI" ] || need_ovs
    [ "$define" ] || [ "$start" ] || usage_error "--transient and --no-start exclude each other"
    [[ $workload =~ ^[A-Za-z0-9=%\ -]*$ ]] ||
        usage_error "bad workload \"$workload\"; see lab set --help"
    "$(heartbeat_program)/heartbeat" check "$workload" || exit 2
    if guest_number "$name" >/dev/null; then die "guest \"$name\" exists already"; fi
    make_guest
}

# The number of a guest; fails if there is none of this name.
guest_number() {
    local dir
    for dir in "$STATE"/guests/*/; do
        if [ -e "$dir/name" ] && [ "$(cat "$dir/name"; echo x)" = "$1"x ]; then
            basename "$dir"
            return
        fi
    done
    return 1
}

need_guest() { guest_number "$1" || die "unknown guest \"$1\" in lab \"$LAB_NAME\""; }

guest_mac() { printf '52:54:00:81:00:%02x' "$1"; }
guest_address() { printf '%s.%d' "${NETWORK_PREFIX[guest]}" "$1"; }

# Runs virsh on a host and shows libvirt's own words if it fails.
virsh_on() {
    local host=$1
    shift
    run_in "$host" virsh -q -c qemu:///system "$@"
}

# The rest of cmd_guest, with its variables.
make_guest() {
    local accel number dir uuid xml
    image=${image:-$("$LAB_DIR/guest/build")}
    accel=$(acceleration "$image")
    case $emulator in
        '') emulator=$(default_emulator "$accel") ;;
        stock) emulator=$STOCK_EMULATOR ;;
    esac
    [ -x "$emulator" ] || die "no such emulator: $emulator"
    if [ "$backing" = huge ]; then take_huge_pages "$(to_mib "$memory")"; fi
    if [ "$ksm" ]; then turn_on_ksm; fi

    number=$(new_guest_number)
    dir=$STATE/guests/$number
    # shellcheck disable=SC2064
    trap "remove_guest_number $number 2>/dev/null" EXIT
    trap 'exit 130' INT TERM HUP
    uuid=$(cat /proc/sys/kernel/random/uuid)
    printf '%s' "$name" >"$dir/name"
    echo "$uuid" >"$dir/uuid"
    "$(heartbeat_program)/heartbeat" hash -- "$name" >"$dir/hash"
    make_disks
    if on_ovs; then
        cat /proc/sys/kernel/random/uuid >"$dir/iface"
        add_location "$number" "$(guest_mac "$number")" "$vni" "$(guest_address "$number")" "$host" \
            "$(cat "$dir/iface")"
    fi
    xml=$dir/domain.xml
    domain_xml >"$xml"
    if [ "$define" ]; then
        virsh_on "$host" define "$xml" >/dev/null
        case $start in
            run) virsh_on "$host" start "$uuid" >/dev/null ;;
            paused) virsh_on "$host" start "$uuid" --paused >/dev/null ;;
        esac
    elif [ "$start" = paused ]; then
        virsh_on "$host" create "$xml" --paused >/dev/null
    else
        virsh_on "$host" create "$xml" >/dev/null
    fi
    cp "$STATE/$host"/cache/qemu/capabilities/*.xml "$CACHE_DIR/libvirt/" 2>/dev/null || true
    if [ "$start" = run ]; then await_first_heartbeat; fi
    trap - EXIT INT TERM HUP
}

new_guest_number() {
    local n
    lock_dir "$STATE/guests"
    for ((n = 100; n < 250; n++)); do
        if mkdir "$STATE/guests/$n" 2>/dev/null; then
            echo "$n"
            return
        fi
    done
    die "a lab has room for 150 guests"
}

# Fills "$dir/disks" with "POOL VOLUME FORMAT" lines: one per --disk.
make_disks() {
    local spec size pool format letter volume i=0
    : >"$dir/disks"
    for spec in ${disks[@]+"${disks[@]}"}; do
        IFS=: read -r size pool format <<<"$spec"
        pool=${pool:-shared} format=${format:-raw}
        [[ $size =~ ^[1-9][0-9]*[KMG]?$ ]] ||
            usage_error "bad disk size \"$size\"; e.g. 512M or 1G"
        [[ $pool =~ ^(shared|local)$ ]] ||
            usage_error "unknown pool \"$pool\" (shared or local)"
        [[ $format =~ ^(raw|qcow2)$ ]] ||
            usage_error "unknown disk format \"$format\" (raw or qcow2)"
        letter=$(printf %b "\\$(printf %03o $((97 + i)))")
        volume=guest-$number-vd$letter.$format
        virsh_on "$host" vol-create-as "$pool" "$volume" "$size" --allocation 0 \
            --format "$format" >/dev/null
        echo "$pool $volume $format vd$letter" >>"$dir/disks"
        i=$((i + 1))
    done
}

domain_xml() {
    local pool volume format target word options listen
    options="$KERNEL_OPTIONS load.address=$(guest_address "$number")"
    options+=" load.peer=${NETWORK_PREFIX[guest]}.1 load.guest=$(cat "$dir/hash")"
    for word in $workload; do options+=" load.$word"; done
    # pc boots a little faster than q35 under emulation; qemu64 is the same on every host
    cat <<EOT
<domain type='$([ "$accel" = kvm ] && echo kvm || echo qemu)'
  xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>$(xml_escape "$name")</name>
  <uuid>$uuid</uuid>
  <memory unit='MiB'>$(to_mib "$memory")</memory>
  $(backing_xml)
  <vcpu>$vcpus</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>$(xml_escape "$image/vmlinuz")</kernel>
    <initrd>$(xml_escape "$image/initramfs")</initrd>
    <cmdline>$options</cmdline>
  </os>
  <features><acpi/><apic/></features>
  $([ "$accel" = kvm ] && echo "<cpu mode='host-passthrough' migratable='on'/>" ||
        echo "<cpu mode='custom' match='exact' check='none'><model>qemu64</model></cpu>")
  <on_reboot>restart</on_reboot>
  <on_crash>preserve</on_crash>
  <devices>
    <emulator>$(xml_escape "$emulator")</emulator>
EOT
    while read -r pool volume format target; do
        cat <<EOT
    <disk type='file' device='disk'>
      <driver name='qemu' type='$format' cache='none' io='threads' discard='unmap'/>
      <source file='/srv/vmigrate-lab/$pool/$volume'/>
      <target dev='$target' bus='virtio'/>
    </disk>
EOT
    done <"$dir/disks"
    cat <<EOT
$(interface_xml "$(guest_mac "$number")" "$dir/iface")
    <serial type='pty'>
      <log file='/var/log/libvirt/guest-$number.console' append='on'/>
      <target port='0'/>
    </serial>
    <controller type='usb' model='none'/>
    <memballoon model='virtio'/>
EOT
    if [ "$vnc" ]; then
        listen=$(awk -v host="$host" '$2 == host {print $1}' "$STATE/etc-hosts")
        echo "    <graphics type='vnc' autoport='yes' listen='$listen'/>"
        echo "    <video><model type='vga'/></video>"
    fi
    echo "  </devices>"
    if [ ${#globals[@]} -gt 0 ]; then
        echo "  <qemu:commandline>"
        for word in "${globals[@]}"; do
            echo "    <qemu:arg value='-global'/><qemu:arg value='$(xml_escape "$word")'/>"
        done
        echo "  </qemu:commandline>"
    fi
    echo "</domain>"
}

backing_xml() {
    case $backing in
        shared) echo "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>" ;;
        huge) echo "<memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>" ;;
    esac
}

to_mib() {
    case $1 in
        *G) echo $((${1%G} * 1024)) ;;
        *) echo "${1%M}" ;;
    esac
}

# Waits until the guest's workload runs; a guest that is not there in time shows its console.
await_first_heartbeat() {
    local limit=${VMIGRATE_LAB_BOOT_LIMIT:-60}
    if ! wait_for "$limit" heartbeat_ready "$number"; then
        say "lab: guest \"$name\" sent no heartbeat within $limit s; the end of its console:"
        tail -n 15 "$STATE/$host/log/guest-$number.console" >&2 || true
        exit 1
    fi
}

remove_guest() {
    local number
    number=$(need_guest "$1")
    remove_guest_number "$number"
}

# Ends a guest wherever it runs and deletes what it had, on all hosts.
remove_guest_number() {
    local dir=$STATE/guests/$1 uuid host pool volume
    uuid=$(cat "$dir/uuid" 2>/dev/null || true)
    for host in $(lab_hosts); do
        if [ -n "$uuid" ] && virsh_on "$host" domname "$uuid" >/dev/null 2>&1; then
            virsh_on "$host" destroy "$uuid" >/dev/null 2>&1 || true
            virsh_on "$host" undefine "$uuid" --managed-save >/dev/null 2>&1 || true
        fi
        while read -r pool volume _; do
            if [ "$pool" = shared ]; then rm -f "$STATE/shared/$volume"; fi
            rm -f "$STATE/$host/local/$volume"
        done < <(cat "$dir/disks" 2>/dev/null)
        for pool in shared local; do
            [ ! -s "$dir/disks" ] ||
                virsh_on "$host" pool-refresh "$pool" >/dev/null 2>&1 || true
        done
        rm -f "$STATE/$host/log/guest-$1.console"
    done
    if [ -e "$dir/hash" ]; then rm -f "$STATE/heartbeat/$(cat "$dir/hash")".*; fi
    if on_ovs; then drop_location "$1"; fi
    rm -rf "$dir"
}
