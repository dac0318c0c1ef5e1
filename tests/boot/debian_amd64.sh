#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# Debian 12's amd64 kernel with the Debian installer's initrd on microvm, to a shell that answers, and to an orderly end.
set -u
cd "$(dirname "$0")/../.." || exit 2
guest_arch=x86_64
. tests/support/console.sh
. tests/support/pc.sh
need_guest debian_amd64
base=(-M microvm -m 512M -nographic -nic none -no-reboot -kernel "$kernel" -initrd "$initrd")

boots microvm_boots_to_a_shell_and_powers_off 1 'poweroff -f' -append "$append"
boots microvm_with_4_vcpus_powers_off 4 'poweroff -f' -append "$append"
boots microvm_without_acpi_resets_by_a_triple_fault 2 'reboot -f' -M microvm,acpi=off -append "$append reboot=t"
boots cpu_max_boots 1 'poweroff -f' -cpu max -append "$append"
