#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run: timeout 600
# dragoman-img beside qemu-img, where that was fetched: the same commands in two folders give the same output, exit status
# and bytes. Then what is ours: one line for each thing that can be wrong, and what an interrupt leaves.
set -u
img=$(realpath -s "${BUILD:-build}/dragoman-img")
[ -x "$img" ] || { echo "skip img: $img is not built"; exit 0; }
theirs=${DRAGOMAN_CACHE:-/nonexistent}/qemu10/bin/qemu-img
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
[ -x "$theirs" ] || echo "skip beside_qemu_img: it was not fetched (make oracle)"
mkdir "$tmp/ours" "$tmp/theirs"
cd "$tmp/ours" || exit 2

# Host-dependent sizes and times are taken out, and what a tool calls itself.
masked() {
    sed -E -e 's/disk size: .*/disk size: SOME/' -e 's/completed in [0-9.]+/completed in SOME/' \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}/DATE/' -e 's/    \([0-9.]*\/100%\)\r//g' |
        perl -pe '$_ = join(" ", sort split) . "\n" if /^Formatting/' # options in any order
}

# keys: of a JSON text, each with the way to it; and its values, but those of the host
keys() {
    perl -MJSON::PP -e '
        sub walk { my ($w, $v) = @_;
            if (ref $v eq "HASH") { walk("$w.$_", $v->{$_}) for sort keys %$v }
            elsif (ref $v eq "ARRAY") { walk("$w\[$_\]", $v->[$_]) for 0 .. $#$v; print "$w []\n" unless @$v }
            else { print $w, ($w =~ /actual-size|date-|image-end-offset|children.*virtual-size/ ? "" : " $v"), "\n" } }
        local $/; walk("", decode_json(<STDIN>))'
}

# same NAME ARGUMENT...: both programs print the same on standard output, and end alike. With --output=json keys and values
# are compared, not their order.
same() {
    local name=$1 a b x y
    shift
    [ -x "$theirs" ] || { "$img" "$@" > /dev/null 2>&1; return; }
    a=$("$img" "$@" 2> "$tmp/ours.err"); x=$?
    b=$(cd "$tmp/theirs" && "$theirs" "$@" 2> "$tmp/theirs.err"); y=$?
    case " $* " in
    *' map '*) ;;
    *output=json*) a=$(keys <<< "$a" 2>&1) b=$(keys <<< "$b" 2>&1) ;;
    *) a=$(masked <<< "$a") b=$(masked <<< "$b") ;;
    esac
    if [ $x != $y ]; then
        echo "not ok $name: exit status $x, not $y: $(head -c 200 "$tmp/ours.err")"
    elif [ "$a" != "$b" ]; then
        echo "not ok $name: $(diff <(echo "$a") <(echo "$b") | head -4 | tr '\n' ' ')"
    elif [ $x != 0 ] && [ -s "$tmp/theirs.err" ] && { [ "$(wc -l < "$tmp/ours.err")" -lt 1 ] ||
        ! grep -q '^dragoman-img: ' "$tmp/ours.err"; }; then
        echo "not ok $name: no message: $(head -c 200 "$tmp/ours.err")"
    else
        echo "ok $name"
    fi
}

# equal NAME FILE: the files of that name in both folders are the same
equal() {
    [ -x "$theirs" ] || return
    if cmp -s "$2" "$tmp/theirs/$2"; then echo "ok $1"; else echo "not ok $1: $(cmp "$2" "$tmp/theirs/$2" 2>&1)"; fi
}

# both COMMAND...: in both folders
both() {
    "$@"
    (cd "$tmp/theirs" && "$@")
}

# wrong NAME TEXT STATUS ARGUMENT...: one line on standard error that contains TEXT, and that exit status
wrong() {
    local name=$1 text=$2 status=$3 rc
    shift 3
    "$img" "$@" > out 2> err < /dev/null
    rc=$?
    if [ $rc = "$status" ] && [ "$(wc -l < err)" = 1 ] && [[ $(< err) == "dragoman-img: "*"$text"* ]]; then
        echo "ok $name"
    else
        echo "not ok $name: status $rc: $(head -c 300 err)"
    fi
}

# says NAME PATTERN ARGUMENT...: ends well, with a line that matches
says() {
    local name=$1 pattern=$2 out
    shift 2
    out=$("$img" "$@" 2>&1)
    if [ $? = 0 ] && grep -qE -- "$pattern" <<< "$out"; then echo "ok $name"; else echo "not ok $name: ${out:0:200}"; fi
}

# ---- raw images, as qemu-img has them

same create_raw create -f raw a.img 1M
same create_quietly create -q a.img 1M
same create_by_option create -o size=5M a.img
same create_of_nothing create z.img 0
same create_of_part_of_a_sector create odd.img 100
same create_preallocated create -f raw -o preallocation=full full.img 300k
equal preallocated_is_zeros full.img
same create_replaces create -f raw a.img 4M
both truncate -s 0 a.img odd.img # qemu-img allocates the first block of what it makes
both truncate -s 4M a.img
both truncate -s 512 odd.img
both perl -e 'open F, "+<", "a.img"; seek F, 1 << 20, 0; print F "x" x 65536; seek F, 3 << 20, 0; print F pack("N*", 0 .. 16383)'
both cp --sparse=always a.img b.img
both truncate -s 5M b.img
for f in a z odd; do
    same "info_of_$f" info $f.img
    same "info_of_${f}_as_json" info --output=json $f.img
    same "map_of_$f" map -f raw $f.img
done
same info_of_chain_as_json info --backing-chain --output=json a.img
same info_by_options info --image-opts driver=raw,file.filename=a.img
same info_shared info -U -f raw a.img
same info_of_nothing info nope
same info_of_two info a.img b.img
same info_of_none info
same info_in_xml info --output=xml a.img
same map_as_json_from_data map --output=json -s 1M a.img
same map_of_a_part map --output=json --start-offset=1049000 -l 5000 a.img
same map_behind_the_end map -s 8M a.img
same map_of_nothing_as_json map --output=json z.img
same compare_with_itself compare a.img a.img
same compare_longer compare a.img b.img
same compare_longer_strictly compare -s a.img b.img
same compare_strictly compare -s a.img a.img
same compare_quietly compare -q a.img b.img
both perl -e 'open F, "+<", "b.img"; seek F, 4500000, 0; print F "x"'
same compare_different compare -f raw -F raw a.img b.img
same compare_different_quietly compare -q a.img b.img
same compare_with_nothing compare a.img nope
same compare_of_one compare a.img
same compare_with_progress compare -p a.img a.img
same check_of_raw check a.img
same check_of_raw_as_json check --output=json a.img
same check_of_nothing check nope
same check_with_bad_repair check -r some a.img
for size in 5M +1M -1M '--shrink -1M' '--preallocation=falloc 6M' '--preallocation=full +64k' '--preallocation=metadata 7M' \
    '--preallocation=some 7M' '--preallocation=full --shrink 3M' '-- -100M' +1 many '--shrink 4M' '-q 4M'; do
    set -- resize -f raw $size
    same "resize_${size// /_}" "$@" a.img
done
same resize_behind_the_name resize -f raw a.img +512
same resize_with_the_size_last resize --shrink -f raw a.img 4M
same resize_without_a_size resize a.img
same info_after_sizes info -f raw a.img
same convert_raw convert a.img c.img
equal converted_is_the_same c.img
same convert_with_progress convert -p -f raw -O raw a.img c.img
same convert_two_into_one convert a.img b.img d.img
equal two_are_in_one d.img
same convert_in_any_order convert -W -m 4 b.img d.img
equal converted_in_any_order d.img
same convert_all_of_it convert -S 0 a.img e.img
equal all_of_it e.img
same convert_with_rate convert -q -r 100M a.img d.img
same convert_into_one_that_is_there convert -n b.img c.img
both truncate -s 6M d.img
same convert_into_a_larger_one convert -n b.img d.img
equal the_end_of_a_larger_one d.img
same convert_by_options convert --image-opts driver=raw,file.filename=a.img -n --target-image-opts driver=raw,file.filename=c.img
equal converted_by_options c.img
same convert_salvaging convert --salvage a.img c.img
same convert_onto_itself convert a.img a.img
for bad in '-m 0' '-m 17' '-m x' '-S 1' '-S 17M' '-O none' '-c' '-l snap' '--target-is-zero' '-n --bitmaps' '-C -S 4k' '-t some' \
    '-T some' '-r fast' '-n -o size=1' '-o some=1' '--target-image-opts' '--skip-broken-bitmaps' '-f none' '-B a.img'; do
    set -- convert $bad
    same "convert_with_${bad// /_}" "$@" a.img bad.img
done
same convert_into_one_that_is_too_small convert -n a.img z.img
same convert_of_one convert a.img
same dd_all dd if=a.img of=dd.img
equal dd_copied dd.img
same dd_a_part dd bs=1M count=2 if=a.img of=dd.img
equal dd_copied_a_part dd.img
same dd_from_the_middle dd bs=64k skip=16 if=a.img of=dd.img
equal dd_copied_from_the_middle dd.img
same dd_odd_blocks dd bs=1000 count=1049 if=a.img of=dd.img
same dd_behind_the_end dd bs=1M skip=20 if=a.img of=dd.img
for bad in bs=0 count=x some=1 some skip=; do
    same "dd_with_$bad" dd $bad if=a.img of=bad.img
done
same dd_of_nothing dd of=bad.img
same measure_an_image measure a.img
same measure_a_size measure --size 1G
same measure_as_json measure --output=json --size 5M
same measure_both measure --size 1G a.img
same measure_none measure
same measure_no_format measure -O none --size 1
same measure_no_size measure --size x
same bench_reads bench -c 100 -f raw a.img
same bench_writes bench -c 100 -w -f raw --pattern 65 -d 4 b.img
equal bench_wrote b.img
same bench_small bench -f raw -c 10 -s 1 -S 3 -o 5 -d 1 a.img
same bench_flushes bench -f raw -w -c 40 --flush-interval 10 -d 10 b.img
same bench_flushes_without_waiting bench -f raw -w -c 40 --flush-interval 10 --no-drain -d 10 b.img
for bad in '-c 0' '-c x' '-d 0' '-i some' '--flush-interval 5' '-w --flush-interval 5' '-o x' '-s x' '-t some'; do
    set -- bench -f raw $bad
    same "bench_with_${bad// /_}" "$@" a.img
done
for bad in 'snapshot -l -f raw a.img' 'snapshot -c s -f raw a.img' 'snapshot -l -c s a.img' 'commit -f raw a.img' 'rebase a.img' \
    'rebase -f raw -b b.img -F raw a.img' 'amend -f raw -o help' 'amend -f raw -o size=1 a.img' 'amend a.img' 'bitmap a.img b' \
    'bitmap --add -f raw a.img b' 'bitmap --add -f raw a.img' 'bitmap --clear -g 1M a.img b' 'bitmap --clear -b a.img a.img b' \
    'create a.img' 'create a.img 1Q' 'create a.img 10EE' 'create -f none a.img 1' 'create -o some=1 bad.img 1M' \
    'create -f raw -b a.img bad.img' 'create bad.img 1M 2M' 'create -o size=5M bad.img 6M' \
    'create bad.img 8E' 'create --some' 'create -f' 'some'; do
    same "refused_${bad// /_}" $bad
done

# ---- qcow2: what raw images have not

# The same bytes in both folders, by qemu-io.
io() { both "${theirs%img}io" "$@" > /dev/null 2>&1; }

# What is allocated where is each program's own matter: JSON without places, clusters counted alike.
if [ -x "$theirs" ] && "$img" --help | grep -q '^Supported formats:.* qcow2'; then
    both truncate -s 0 base.img
    both truncate -s 4M base.img
    io -f raw -c 'write -P 1 1M 64k' -c 'write -P 3 3M 64k' base.img
    same qcow2_create create -f qcow2 -b base.img -F raw o.qcow2
    io -f qcow2 -c 'write -z 0 64k' -c 'write -P 9 128k 64k' -c 'write -c -P 9 512k 64k' o.qcow2
    same qcow2_create_with_options create -f qcow2 -o cluster_size=4k,lazy_refcounts=on c.qcow2 1000
    same qcow2_info info --output=json c.qcow2
    same qcow2_info_of_a_chain info --backing-chain --output=json o.qcow2
    same qcow2_compressed_is_in_no_place map o.qcow2
    same qcow2_compare compare base.img o.qcow2
    same qcow2_check check o.qcow2
    same qcow2_check_quietly check -q o.qcow2
    same qcow2_resize resize o.qcow2 5M
    same qcow2_convert_to_raw convert o.qcow2 o.raw
    equal qcow2_converted o.raw
    same qcow2_compress convert -O qcow2 -c o.qcow2 oc.qcow2
    same qcow2_compressed compare o.raw oc.qcow2
    same qcow2_convert_on_a_backing_file convert -O qcow2 -B base.img -F raw o.qcow2 ob.qcow2
    same qcow2_converted_on_a_backing_file compare o.raw ob.qcow2
    same qcow2_snapshot snapshot -c foo o.qcow2
    io -c 'write -P 77 2M 128k' -c 'write -P 78 128k 64k' o.qcow2
    same qcow2_second_snapshot snapshot -c bar o.qcow2
    same qcow2_list snapshot o.qcow2
    same qcow2_convert_a_snapshot convert -l foo o.qcow2 foo.raw
    equal qcow2_snapshot_by_name foo.raw
    same qcow2_convert_a_snapshot_by_id convert -l snapshot.id=2 o.qcow2 bar.raw
    equal qcow2_snapshot_by_id bar.raw
    same qcow2_convert_no_snapshot convert -l none o.qcow2 none.raw
    same qcow2_apply snapshot -a foo o.qcow2
    same qcow2_applied compare o.qcow2 foo.raw
    same qcow2_apply_nothing snapshot -a none o.qcow2
    same qcow2_delete snapshot -d foo o.qcow2
    same qcow2_delete_nothing snapshot -d 9 o.qcow2
    same qcow2_list_of_one snapshot -l o.qcow2
    both "$theirs" create -q -f qcow2 -b o.qcow2 -F qcow2 t.qcow2
    io -c 'write -P 55 0 64k' -c 'write -z 128k 64k' -c 'write -P 56 4M 64k' t.qcow2
    both "$theirs" convert t.qcow2 t.raw
    both cp o.qcow2 o2.qcow2
    both cp t.qcow2 t2.qcow2
    same qcow2_commit commit t.qcow2
    same qcow2_committed compare o.qcow2 t.raw
    same qcow2_shows_the_same_after_a_commit compare t.qcow2 t.raw
    both cp o2.qcow2 o.qcow2
    both cp t2.qcow2 t.qcow2
    both cp base.img base2.img
    same qcow2_commit_further_down commit -b base.img t.qcow2
    same qcow2_committed_further_down compare base.img t.raw
    both cp base2.img base.img
    same qcow2_commit_to_nothing commit -b none t.qcow2
    same qcow2_commit_and_keep commit -d t.qcow2
    same qcow2_kept compare t.qcow2 o.qcow2
    both cp o2.qcow2 o.qcow2
    both cp base.img other.img
    both truncate -s 3M other.img
    io -f raw -c 'write -P 4 64k 8k' other.img
    same qcow2_rebase rebase -b other.img -F raw o.qcow2
    same qcow2_rebased compare t.qcow2 t.raw
    same qcow2_rebase_on_nothing rebase -b '' o.qcow2
    same qcow2_on_nothing compare t.qcow2 t.raw
    same qcow2_has_no_backing_file info --output=json o.qcow2
    same qcow2_rebase_unsafely rebase -u -b none -F raw o.qcow2
    same qcow2_rebase_from_what_is_not_there rebase -b base.img -F raw o.qcow2
    same qcow2_rebase_without_a_format rebase -u -b none o.qcow2
    same qcow2_rebase_unsafely_back rebase -u -b '' o.qcow2
    same qcow2_amend amend -o lazy_refcounts=on o.qcow2
    same qcow2_amended info --output=json o.qcow2
    same qcow2_amend_what_cannot_be amend -o cluster_size=4k o.qcow2
    same qcow2_bitmap bitmap --add -g 32k --disable o.qcow2 b0
    same qcow2_bitmap_twice bitmap --add o.qcow2 b0
    same qcow2_bitmap_of_nothing bitmap --remove o.qcow2 none
    same qcow2_merge bitmap --add --merge b0 o.qcow2 b1
    same qcow2_bitmaps info --output=json o.qcow2
    same qcow2_convert_with_bitmaps convert --bitmaps -O qcow2 o.qcow2 bm.qcow2
    same qcow2_converted_with_bitmaps info --output=json bm.qcow2
    same qcow2_remove_a_bitmap bitmap --remove o.qcow2 b0
    same qcow2_measure measure --size 1G -O qcow2
    same qcow2_measure_clusters measure -o cluster_size=4k -O qcow2 --size 1G
    same qcow2_measure_an_image measure --output=json -O qcow2 base.img
    same qcow2_dd dd -O qcow2 if=base.img of=dd.qcow2
    same qcow2_dd_is_the_same compare base.img dd.qcow2
    for bad in '-b none -F raw' '-u -b none -F raw' '-b base.img' '-o some=1' '-o cluster_size=3'; do
        same "qcow2_create_with_${bad// /_}" create -f qcow2 $bad z.qcow2
    done
    same qcow2_create_without_looking create -f qcow2 -u -b none -F raw z.qcow2 1M
    sound=
    for f in *.qcow2; do [ $f = z.qcow2 ] || "$theirs" check -q $f > out 2>&1 || sound="$sound $f: $(head -1 out)"; done
    [ -z "$sound" ] && echo "ok qcow2_images_are_sound" || echo "not ok qcow2_images_are_sound:$sound"
fi

# ---- every format that can be made: what one writes the other reads

if [ -x "$theirs" ]; then
    perl -e 'srand 5; open F, ">", "some.img"; for (1 .. 40) { seek F, int(rand(20 << 20)) & ~511, 0; print F pack("N*", map { rand(2**32) } 1 .. 3000) }
        truncate F, 20 << 20'
    for f in $("$img" --help | sed -n 's/^Supported formats://p'); do
        case $f in qcow2 | raw | vmdk | vdi | vpc | vhdx | parallels) ;; *) continue ;; esac
        "$img" convert -f raw -O $f some.img ours.$f 2> err && "$theirs" compare -f raw -F $f some.img ours.$f > out 2>&1
        [ $? = 0 ] && echo "ok ${f}_is_read_by_qemu_img" || echo "not ok ${f}_is_read_by_qemu_img: $(cat err out | head -c 200)"
        "$theirs" convert -f raw -O $f some.img theirs.$f && "$img" compare -f raw -F $f some.img theirs.$f > out 2>&1 &&
            "$img" convert -f $f -O raw theirs.$f back.img 2> err && cmp -s -n $((20 << 20)) back.img some.img # vpc rounds up
        [ $? = 0 ] && echo "ok ${f}_of_qemu_img_is_read" || echo "not ok ${f}_of_qemu_img_is_read: $(cat out err | head -c 200)"
    done
fi

# ---- where ours is not qemu-img's

# count= is of what is copied, as in dd; there it is of what is skipped, too
"$img" dd bs=512 skip=3 count=2 if=b.img of=dd.img && dd bs=512 skip=3 count=2 if=b.img of=expected status=none &&
    cmp dd.img expected > /dev/null && echo "ok dd_counts_what_it_copies" || echo "not ok dd_counts_what_it_copies"

# ---- what is wrong, in one line

wrong no_folder '/nonexistent/a.img: No such file' 1 create /nonexistent/a.img 1M
wrong no_command 'a command is missing' 1
wrong unknown_command "did you mean 'convert'" 1 convrt a.img b.img
wrong unknown_option "did you mean '--format'" 1 info --formt raw a.img
wrong unknown_letter "unknown option '-y'" 1 info -y a.img
wrong option_without_its_argument '-f: FMT is missing' 1 info -f
wrong switch_with_an_argument '--force-share takes no argument' 1 info --force-share=on a.img
wrong name_that_may_be_two '--backing or --backing-format' 1 create --back x y
wrong object 'no object has a use here' 1 info --object secret,id=s,data=x a.img
wrong format_and_options '--image-opts names the format' 1 info -f raw --image-opts driver=raw,file.filename=a.img
wrong bad_option "'sizze' is not an option here; did you mean 'size'?" 1 create -o sizze=1 x.img 1M
wrong bad_format "format 'rwa' is not supported; did you mean 'raw'?" 1 create -f rwa x.img 1M
wrong shrinks '--shrink says that this is meant' 1 resize -f raw a.img 1M
wrong output_that_is_no_word 'human and json are accepted' 1 map --output=xml a.img
wrong guessed_format 'was taken for raw' 0 resize a.img 4M
wrong file_with_a_name_that_steers 'no\x1b[2Jpe' 1 info $'no\e[2Jpe'

says version '^dragoman-img [0-9]' --version
says help_lists_commands '^  rebase ' --help
says help_of_a_command '^  -W, --oob-writes$' convert --help
says options_of_a_format '^  size=<size> ' create -f raw -o help
says options_of_its_protocol_too '^  preallocation=<str> .*falloc' create -f raw -o help x.img
for c in amend bench bitmap check commit compare convert create dd info map measure rebase resize snapshot; do
    says "help_of_$c" "^usage: dragoman-img $c " $c --help
done

# ---- interrupts: nothing half is left, and the line of the terminal is complete

truncate -s 8M slow.img && perl -e 'open F, "+<", "slow.img"; print F "x" x (8 << 20)'
for how in 'INT half.img' 'TERM half.img' 'TERM half.vmdk -O vmdk -o subformat=twoGbMaxExtentSparse'; do
    read -r signal half options <<< "$how"
    mkfifo seen
    # in the background a shell ignores SIGINT
    perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$img" convert -p -r 64k $options slow.img "$half" > seen &
    exec 5< seen
    pid=$!
    read -r -d $'\r' -u 5 first
    until [ -e "$half" ]; do :; done
    read -r -d $'\r' -u 5 second
    kill -s $signal $pid
    wait $pid
    rc=$?
    rest=$(cat <&5; echo .)
    exec 5<&-
    rm seen
    if [ $rc = $((128 + $(kill -l $signal))) ] && [ -z "$(ls | grep '^half')" ] && [ "$rest" = $'\n.' ]; then
        echo "ok interrupt_leaves_nothing_half_${signal}_${half#*.}"
    else
        echo "not ok interrupt_leaves_nothing_half_${signal}_${half#*.}: status $rc, $(ls half* 2>&1), '$rest'"
    fi
done

# ---- a disk with a sector that cannot be read

bad=driver=raw,file.driver=blkdebug,file.inject-error.0.event=read_aio,file.inject-error.0.sector=100
bad=$bad,file.image.driver=file,file.image.filename=slow.img
"$img" convert --image-opts "$bad" saved.img 2> err
[ $? = 1 ] && grep -q 'cannot be read' err && [ ! -e saved.img ] && echo "ok bad_sector_ends_a_copy" || echo "not ok bad_sector_ends_a_copy: $(cat err)"
"$img" convert --salvage --image-opts "$bad" saved.img 2> err
rc=$?
cp slow.img expected && dd if=/dev/zero of=expected bs=512 seek=100 count=1 conv=notrunc status=none
if [ $rc = 0 ] && cmp -s saved.img expected && grep -q '512 bytes at 51200 cannot be read' err; then
    echo "ok salvage_loses_the_sector_alone"
else
    echo "not ok salvage_loses_the_sector_alone: $rc $(cmp saved.img expected) $(head -3 err)"
fi

# Who has read enough of the output gets no message about it; who cannot be written to does.
out=$({ "$img" map --output=json slow.img 2>&1 >&3 | cat; } 3> >(exec head -c 0))
[ -z "$out" ] && echo "ok reader_that_has_gone" || echo "not ok reader_that_has_gone: $out"
"$img" map slow.img > /dev/full 2> err
[ $? = 1 ] && grep -q 'standard output cannot be written: No space' err && echo "ok full_output" || echo "not ok full_output: $(cat err)"

# The device is full: no image that looks whole.
"$img" convert slow.img /dev/full > /dev/null 2> err && echo "not ok full_device: it ended well" || echo "ok full_device"

# ---- what stands behind an image shows through only where it did before

# reads NAME FORMAT FILE BYTES: an image that reads as that file, and as zeros to the end
reads() {
    rm -f whole
    cp "$3" want && truncate -s "$4" want
    "$img" convert -f "$2" -O raw image whole 2> err
    if cmp -s whole want; then echo "ok $1"; else echo "not ok $1: $(cmp whole want 2>&1) $(head -c 200 err)"; fi
}
: > nothing
truncate -s 1M short.raw
truncate -s 8M long.raw
yes five | head -c 4M > full.raw
yes seven | dd of=long.raw bs=1M seek=4 count=1 iflag=fullblock conv=notrunc status=none
for options in cluster_size=64k extended_l2=on; do
    "$img" create -q -f qcow2 -o $options -b short.raw -F raw image 8M
    "$img" rebase -q -b long.raw -F raw image
    reads rebase_keeps_zeros_behind_the_old_backing_file_$options qcow2 nothing 8M
    "$img" create -q -f qcow2 -o $options image 8M
    "$img" rebase -q -b long.raw -F raw image
    reads rebase_keeps_zeros_without_an_old_backing_file_$options qcow2 nothing 8M
done
head -c 1M full.raw > first
for compat in 0.10 1.1; do
    "$img" create -q -f qcow2 -o compat=$compat -b full.raw -F raw image 1M
    "$img" resize -q image 4M
    reads longer_disk_has_zeros_in_place_of_a_backing_file_$compat qcow2 first 4M
    "$img" resize -q --shrink image 1M && "$img" resize -q image 4M
    reads disk_that_shrank_and_grew_$compat qcow2 first 4M
done
"$img" create -q -f qcow2 -b full.raw -F raw image 1M
"$img" resize -q image 4M && "$img" amend -o compat=0.10 image
reads older_version_keeps_zeros qcow2 first 4M

# ---- an image that is full, cut short, or somebody else's

head -c 1M /dev/urandom > first
"$img" convert -O qcow2 first image && "$img" snapshot -c s1 image
"$img" convert -l s1 -f qcow2 -O raw image whole && cmp -s whole first && echo "ok snapshot_of_a_full_image" || echo "not ok snapshot_of_a_full_image"
head -c 192k first > three
"$img" convert -O qcow2 three image && truncate -s -65536 image
"$img" check -q -r leaks image > out 2>&1
"$img" check image > out 2>&1
grep -q 'refcount=0' out && echo "not ok counts_behind_the_end_are_kept: $(head -2 out)" || echo "ok counts_behind_the_end_are_kept"
mkdir -p folder
"$img" create -q -f qcow2 -o data_file=data.raw image 1M
perl -pi -e 's/data\.raw/fat:dir\//' image # as long
wrong image_names_no_folder_of_the_host "which is no file" 1 convert -f qcow2 -O raw image whole
