#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 900
# Debian 12's i386 kernels with the Debian installer's initrd on microvm, with and without PAE, by the program of 32-bit
# CPUs and by that of 64-bit ones, to a shell that answers, and to an orderly end.
set -u
cd "$(dirname "$0")/../.." || exit 2
guest_arch=i386
. tests/support/console.sh
. tests/support/pc.sh
need_guest debian_i386
base=(-M microvm -m 512M -nographic -nic none -no-reboot -initrd "$initrd")

boots pae_boots_to_a_shell_and_powers_off 1 'poweroff -f' -kernel "$kernel" -append "$append"
boots pae_with_4_vcpus_resets_by_a_triple_fault 4 'reboot -f' -M microvm,acpi=off -kernel "$kernel" -append "$append reboot=t"
boots without_pae 1 'poweroff -f' -cpu max -kernel "${kernel%-pae}" -append "$append"
dragoman=${dragoman%-i386}-x86_64
# The kernel complains of an AMD of family 6, which max is, that has company.
boots by_the_program_of_64_bit_cpus 2 'poweroff -f' -cpu qemu64 -kernel "$kernel" -append "$append"
