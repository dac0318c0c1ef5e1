#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 2400
# A Debian disk as its users have it, in qcow2 on a backing file: by UEFI, GRUB and systemd to a login, told what to do
# by a NoCloud seed (from an ISO with ACPI, from a server of this host with a device tree), reached by ssh, with a package
# from the mirror, powered off by its button; and what apt was doing when the power went.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/support/console.sh
. tests/support/server.sh
guest_limit=1500
base=$cache/arm64/disk.raw
uefi=$cache/firmware/qemu-efi-aarch64/usr/share/qemu-efi-aarch64/QEMU_EFI.fd
[ -e "$base" ] && [ -e "$uefi" ] || { echo "skip disk_arm64: no Debian disk or no UEFI in $cache (make guests)"; exit 0; }
rm -rf "$work"
mkdir -p "$work/served" || exit 2
disk=$work/disk.qcow2 img=${BUILD:-build}/dragoman-img
"$img" create -q -f qcow2 -b "$(realpath "$base")" -F raw "$disk" || exit 2

# ---- what the guest is told

ssh-keygen -q -t ed25519 -N '' -f "$work/key" || exit 2
# seed DIR HOSTNAME: a NoCloud seed
seed() {
    mkdir -p "$1"
    printf 'instance-id: %s\nlocal-hostname: %s\n' "$2" "$2" > "$1/meta-data"
    cat > "$1/user-data" <<-USER
	#cloud-config
	ssh_authorized_keys: ["$(cat "$work/key.pub")"]
	apt: {preserve_sources_list: true}
	disable_root: false
	locale: false
	runcmd: ["echo seeded as \$(hostname) > /dev/console"]
	USER
    : > "$1/vendor-data"
}
seed "$work/iso" first
seed "$work/served" second
xorriso -as mkisofs -quiet -V cidata -J -r -o "$work/seed.iso" "$work/iso" 2> "$work/xorriso" || exit 2
serve "$work/served"
trap 'kill $server_pid' EXIT
forwarded=$(free_port)
from_server=(-smbios "type=1,serial=ds=nocloud-net;s=http://10.0.2.2:$port/")

# boot NAME HOSTNAME OPTION...: until the seed was done (unless there is no HOSTNAME) and there is a login
boot() {
    local name=$1 host=$2
    shift 2
    guest_start "$name" -M virt -cpu max,pauth=off -smp 2 -m 1G -nographic -bios "$uefi" \
        -drive "file=$disk,if=virtio" -nic "user,hostfwd=tcp:127.0.0.1:$forwarded-:22" "$@"
    [ -z "$host" ] || await 900 "seeded as $host" || { guest_failed "$name" "not seeded"; return 1; }
    say '' # the prompt once more, if it was there
    await 900 ' login:' || { guest_failed "$name" "no login"; return 1; }
}

# in_guest SECONDS COMMAND: by ssh; $answer is what it prints
in_guest() {
    answer=$(timeout "$1" ssh -q -i "$work/key" -p "$forwarded" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        -o ConnectTimeout=120 -o ServerAliveInterval=60 root@127.0.0.1 "$2" < /dev/null 2>&1)
}

# off NAME: the guest powers off
off() {
    guest_end 300
    [ -z "$trouble" ] && [ "$status" = 0 ] && echo "ok $1" || echo "not ok $1: exit status $status at power-off $trouble"
}
button() {
    printf '\001csystem_powerdown\r\001c' >&"$keys"
}


# says NAME SECONDS COMMAND ANSWER
says() {
    in_guest "$2" "$3"
    [ "$answer" = "$4" ] || { guest_failed "$1" "'$3' says: $answer"; return 1; }
}
running='systemctl is-system-running --wait; systemctl --failed --plain --no-legend'

name=seed_from_an_iso_with_acpi
if boot $name first -cdrom "$work/seed.iso" &&
    says $name 600 "hostname; ls -d /sys/firmware/acpi; $running" $'first\n/sys/firmware/acpi\nrunning' &&
    says $name 900 'apt-get -qq update && apt-get -qq install -y hello > /dev/null 2>&1; hello' 'Hello, world!'; then
    button
    off $name
fi

name=seed_from_a_server_with_a_device_tree
if boot $name second -M acpi=off "${from_server[@]}" &&
    says $name 600 "hostname; hello; ls -d /sys/firmware/devicetree/base; $running" \
        $'second\nHello, world!\n/sys/firmware/devicetree/base\nrunning'; then
    in_guest 60 'systemctl poweroff' # this kernel has no driver for keys on GPIO
    off $name
fi

# ---- the power goes while apt unpacks

name=power_cut_while_apt_unpacks
begun='tail -n 0 -F /var/log/dpkg.log | grep -m 1 -q " half-installed " &
    systemd-run -q apt-get install -y git; wait; echo begun'
mended='dpkg --configure -a && apt-get -qq install -f -y && apt-get -qq install -y git'
if boot $name '' "${from_server[@]}" && says $name 900 "$begun" begun; then
    guest_kill
    guest_end 5
    if boot ${name}_again '' "${from_server[@]}" &&
        says $name 900 "{ $mended; } > /dev/null 2>&1; git --version | cut -d' ' -f1,2; hello; $running" \
            $'git version\nHello, world!\nrunning'; then
        button
        off $name
        "$img" check "$disk" > "$work/check" 2>&1 && "$img" convert -O raw "$disk" "$work/whole" &&
            PATH=$PATH:/usr/sbin:/sbin e2fsck -fn "$work/whole?offset=$((65 * 1024 * 1024))" > "$work/fsck" 2>&1 &&
            echo "ok disk_and_file_system_are_sound" ||
            echo "not ok disk_and_file_system_are_sound: $(tail -n 1 "$work/check" "$work/fsck" | tr '\n' ' ')"
        rm -f "$work/whole"
    fi
fi
