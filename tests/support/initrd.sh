# SPDX-License-Identifier: MIT
# Files of our own for Debian's installer initrd. Sourced by tests/boot/*.sh after console.sh, not run.
#
# module_order DIR MODULE...   prints the files of these modules below DIR, each after those that it needs
# initrd_with OUT TREE MODULE...  OUT: the installer's initrd, then TREE/ with /test/init, which loads the modules and
#                              starts a shell, or what TREE/test/then has for one. Boot with rdinit=/test/init.
# $modules is where modules are looked for.

module_order() {
    local dir=$1 name file
    shift
    for name; do
        file=$(find "$dir" -name "${name//_/[_-]}.ko" -print -quit)
        [ -n "$file" ] || { echo "initrd.sh: no module $name in $dir" >&2; continue; }
        module_order "$dir" $(readelf -p .modinfo "$file" | sed -n 's/.*\] *depends=//p' | tr ',' ' ')
        echo "$file"
    done
}

initrd_with() {
    local out=$1 tree=$2 file
    shift 2
    mkdir -p "$tree/test"
    : > "$tree/test/order"
    for file in $(module_order "$modules" "$@" | awk '!seen[$0]++'); do
        cp "$file" "$tree/test/"
        echo "/test/${file##*/}" >> "$tree/test/order"
    done
    cat > "$tree/test/init" <<-'INIT'
	#!/bin/sh
	export PATH=/bin:/sbin:/usr/bin:/usr/sbin
	mount -t proc proc /proc
	mount -t sysfs sys /sys
	mount -t devtmpfs dev /dev
	exec < /dev/console > /dev/console 2>&1
	for module in $(cat /test/order); do
	    insmod $module || echo "insmod $module failed"
	done
	exec sh $(ls /test/then 2> /dev/null)
	INIT
    chmod 755 "$tree/test/init"
    (cd "$tree" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) | gzip -1 | cat "$initrd" - > "$out"
}
