#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# fat: of a folder: mtools read from the disk what the folder has, and what they write to it is what the folder has then.
set -u
img=$(realpath -s "${BUILD:-build}/dragoman-img")
nbd=$(realpath -s "${BUILD:-build}/dragoman-nbd")
[ -x "$img" ] && [ -x "$nbd" ] || { echo "skip fat: $img is not built"; exit 0; }
command -v mcopy > /dev/null || { echo "skip fat: mtools are not installed"; exit 0; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 2
export MTOOLS_SKIP_CHECK=1 LC_ALL=C.UTF-8 # of names

result() { # NAME STATUS WORDS
    if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: ${3:-status $2}"; fi
}

mkdir -p d/EFI/BOOT "d/a folder with a long name" d/deep/deeper/deepest
echo hello > d/hello.txt
echo X > d/README
head -c 100000 /dev/urandom > d/EFI/BOOT/BOOTAA64.EFI
echo ü > "d/a folder with a long name/größe.data"
: > d/empty
for i in $(seq 40); do echo $i > "d/EFI/a rather long name $i.txt"; done
echo 1 > d/deep/deeper/deepest/one
echo 2 > d/deep/TWO.TXT

# same IMAGE FOLDER: mtools find in the image what the folder has
same() {
    rm -rf seen
    mkdir seen
    mcopy -s -i "$1" '::*' seen/ 2> err && diff -r seen "$2" > diff.out 2>&1
}

# ---- reading

for type in 12 16 32; do
    "$img" convert fat:$type:d $type.img && same $type.img@@32256 d
    result "fat$type" $? "$(head -c 200 err diff.out)"
    bytes=$(dd if=$type.img bs=1 skip=$((32256 + (type == 32 ? 82 : 54))) count=5 status=none)
    [ "$bytes" = FAT$type ]
    result "fat${type}_is_one" $? "$bytes"
done
sfdisk -d 16.img > table 2> /dev/null && grep -q 'start= *63, size= *1032129, type=6, bootable' table
result partition $? "$(tail -1 table)"
"$img" convert fat:floppy:d floppy.img && same floppy.img d
result floppy $? "$(head -c 200 err diff.out)"
[ "$(stat -c %s floppy.img)" = 2949120 ] && "$img" convert fat:floppy:12:d small.img && [ "$(stat -c %s small.img)" = 1474560 ] && same small.img d
result floppies_sizes $?
"$img" convert --image-opts driver=raw,file.driver=vvfat,file.dir=d,file.label='My disk' label.img
mlabel -s -i label.img@@32256 :: | grep -q 'MY DISK'
result label $? "$(mlabel -s -i label.img@@32256 :: 2>&1)"
"$img" map --output=json fat:d | grep -q '"zero": true'
result what_is_empty_is_known $?
ln -s ../d/EFI d/link
"$img" convert fat:d links.img && mdir -b -i links.img@@32256 ::link | grep -q BOOT
result links_are_followed $?
rm d/link

# A folder that needs more than 504 MiB has FAT32, as large as need be.
mkdir large
truncate -s 400M large/a large/b large/c
echo end >> large/c
"$img" map --output=json fat:large > map && "$img" info fat:large | grep -q '(1056964608\|(2113929216' 
result large_folder $? "$("$img" info fat:large | sed -n 3p)"
"$img" dd bs=1M count=4 if=fat:large of=head.img && [ "$(dd if=head.img bs=1 skip=$((32256 + 82)) count=5 status=none)" = FAT32 ]
result large_folder_has_fat32 $?

# ---- writing: the disk is changed by mtools, and put back

cp -r d before
cp 16.img m.img
head -c 50000 /dev/urandom > big
m() { "$@" > err 2>&1 || echo "not ok mtools: $* $(head -1 err)"; }
m mcopy -i m.img@@32256 big '::A new name.text'
m mcopy -o -i m.img@@32256 big ::hello.txt
m mdel -i m.img@@32256 ::README
m mmd -i m.img@@32256 ::NEWDIR
m mcopy -i m.img@@32256 big ::NEWDIR/inside
m mren -i m.img@@32256 ::EFI/BOOT/BOOTAA64.EFI ::EFI/BOOT/OTHER.EFI
m mdeltree -i m.img@@32256 '::a folder with a long name'
m mmove -i m.img@@32256 ::deep/deeper ::NEWDIR
# By a server, so that there is a meanwhile.
"$nbd" -k "$tmp/socket" -f raw fat:rw:d &
server=$!
until [ -S socket ] || ! kill -0 $server 2> /dev/null; do :; done
echo mine > d/put-there-meanwhile
"$img" convert -n m.img "nbd:unix:$tmp/socket" && wait $server
result written_back $?
[ "$(cat d/put-there-meanwhile)" = mine ]
result what_is_not_ours_stays $?
rm d/put-there-meanwhile
same m.img@@32256 d
result folder_is_what_the_disk_is $? "$(head -c 300 diff.out)"
cmp -s d/EFI/BOOT/OTHER.EFI before/EFI/BOOT/BOOTAA64.EFI && cmp -s d/hello.txt big
result contents_are_right $?

# Nothing is changed: nothing is touched.
inode=$(stat -c '%i %Y' d/hello.txt d/EFI/BOOT/OTHER.EFI)
"$img" bench -c 10 fat:rw:d > out 2>&1 && [ "$(stat -c '%i %Y' d/hello.txt d/EFI/BOOT/OTHER.EFI)" = "$inode" ]
result reading_touches_nothing $?

# Another file system is not our folder's.
cp -r d before2
mformat -i other.img -C -T 100000 ::
"$img" convert -n other.img fat:rw:d 2> err
diff -r d before2 > diff.out
result another_file_system_removes_nothing $? "$(head -c 200 diff.out)"

# Without rw nothing is written; the guest is told at once.
"$img" convert -n m.img fat:d 2> err
[ $? = 1 ] && grep -q 'fat:rw:d is written to the folder' err
result read_only_says_so $? "$(head -c 200 err)"

# A link on the host is not followed out of the folder.
mkdir outside
ln -s ../outside d/NEWLINK
m mmd -i m.img@@32256 ::NEWLINK
m mcopy -i m.img@@32256 big ::NEWLINK/evil
"$img" convert -n m.img fat:rw:d 2> err
[ ! -e outside/evil ]
result links_lead_nowhere $?
rm d/NEWLINK

# Nor is a folder further up that became one while the disk was in use.
rm -rf e outside/* && mkdir -p e/up/down
"$img" convert fat:e e.img
"$nbd" -k "$tmp/socket2" -f raw fat:rw:e &
server=$!
until [ -S socket2 ] || ! kill -0 $server 2> /dev/null; do :; done
mkdir outside/down
mv e/up e/up.was && ln -s ../outside e/up
m mcopy -i e.img@@32256 big ::up/down/evil
"$img" convert -n e.img "nbd:unix:$tmp/socket2" 2> err
wait $server
[ ! -e outside/down/evil ]
result links_above_lead_nowhere $?

# A name as long as the host takes.
rm -rf e && mkdir e && "$img" convert fat:e e.img
name=$(printf '%0251d.txt' 7)
m mcopy -i e.img@@32256 big "::$name"
"$img" convert -n e.img fat:rw:e 2> err && cmp -s "e/$name" big && [ "$(ls -A e | wc -l)" = 1 ]
result long_names_are_written $? "$(head -c 200 err)"

# ---- what is wrong

wrong() { # NAME TEXT ARGUMENT...: one line that contains TEXT, status 1
    local name=$1 text=$2 rc
    shift 2
    "$img" "$@" > out 2> err
    rc=$?
    if [ $rc = 1 ] && [ "$(wc -l < err)" = 1 ] && grep -qF -- "$text" err; then echo "ok $name"; else echo "not ok $name: $rc: $(head -c 200 err)"; fi
}
wrong no_folder 'nope: No such file' info fat:nope
wrong file_in_place_of_a_folder 'it is no folder' info fat:big
wrong no_name 'fat:[rw:][floppy:]' info fat:rw:
wrong bad_type '12, 16 and 32 are accepted' info --image-opts driver=vvfat,dir=d,fat-type=8
wrong bad_floppy 'a floppy disk has fat-type=12' info fat:floppy:16:d
wrong bad_label 'up to 11 letters' info --image-opts driver=vvfat,dir=d,label=far-too-long-a-name
wrong too_large_for_a_floppy 'it does not fit on a FAT12 disk' info fat:floppy:large
wrong no_dir 'dir= is missing' info --image-opts driver=vvfat
truncate -s 5G large/d
wrong file_of_4_gib 'less than 4 GiB' info fat:large
mkdir odd && : > odd/$'\xff\xfe'
wrong name_that_is_not_utf8 'UTF-8' info fat:odd
mkdir many && (cd many && for i in $(seq 600); do : > $i; done)
wrong too_many_in_the_root 'at most 512 entries' info fat:many
