# The packages and programs that the measurements of disks need. Sourced by mkbench.sh.
pkgs="fio"
bins="/usr/bin/fio"
trees=""
