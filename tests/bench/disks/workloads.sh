# Measurements of a guest's disks, vda (raw) and vdb (qcow2): FIO NAME MB-A-SECOND IO-A-SECOND. Sourced by run.sh
seconds=${SECONDS_EACH:-2}
jobs() { # DISK NAME
	for d in 1 32; do for op in read write; do
		echo "[$2-seq-$op-d$d]"; echo "filename=/dev/$1"; echo "rw=$op"; echo bs=64k; echo "iodepth=$d"; echo stonewall
		echo "[$2-4k-$op-d$d]"; echo "filename=/dev/$1"; echo "rw=rand$op"; echo bs=4k; echo "iodepth=$d"; echo stonewall
	done; done
}
{
	printf '%s\n' '[global]' ioengine=libaio direct=1 time_based=1 "runtime=$seconds" size=100% randseed=7 norandommap=1
	jobs vda raw
	jobs vdb qcow2
} > /tmp/jobs
/usr/bin/fio --minimal /tmp/jobs 2> /tmp/err | awk -F';' '{ print "FIO", $3, ($7 + $48) / 1024, $8 + $49 }'
