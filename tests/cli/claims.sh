#!/bin/bash
# SPDX-License-Identifier: MIT
# docs/internals*.md say what the code is: each number in internals.md has a row in tests/cli/claims and is what the code
# has (of internals-reference.md those that have rows); the block shown in section 2 is translated as it says; files, tests and names that the texts mention exist.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${BUILD:-build}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
text=docs/internals.md
expect=tests/code/aarch64-x86-64-v3.expect

# verdict NAME: ok if nothing was written to standard input, else the first line of it
verdict() {
    local all first
    all=$(cat)
    first=$(head -1 <<< "$all")
    if [ -z "$all" ]; then
        echo "ok $1"
    else
        sed 's/^/# /' <<< "$all"
        echo "not ok $1: $first"
    fi
}

# The prose, a paragraph a line, without listings and headings, and without the first column of section 7 (what is no more).
prose() {
    awk '
    /^    /   { next }
    /^#/      { old = $0 ~ /^## 7/; print ""; next }
    old && /^\|/ { sub(/^\| [^|]*\|/, "|") }
    /^$/ || /^[|]/ || /^- / { print "" }
    { gsub(/^ +/, ""); printf "%s ", $0 }' "$1" | sed -E 's/ +/ /g'
}
prose "$text" > "$tmp/prose"
prose docs/internals-reference.md > "$tmp/reference"

# ---- rows
grep -vE '^#|^$' tests/cli/claims | sed -E 's/ *\| */\t/; s/ \| /\t/; s/ \| /\t/; s/ \| /\t/' > "$tmp/rows"

# A C program that prints each value; what a .c file defines is copied out of it.
{
    echo '#include <stdint.h>'
    echo '#include <stddef.h>'
    echo '#include <stdio.h>'
    awk -F'\t' '$1 ~ /^value/ && $4 ~ /\.h$/ { print $4 }' "$tmp/rows" | sort -u | sed 's/.*/#include "&"/'
    awk -F'\t' '$1 ~ /^value/ && $4 ~ /\.c$/ { print $4 }' "$tmp/rows" | sort -u | while read -r file; do
        awk '/^#define [A-Z_0-9]+[ \t]/ { on = 1 } on { print; on = /\\$/ }' "$file" | sed -E 's/^(#define )([A-Z_0-9]+)/#undef \2\n\1\2/'
    done
    echo 'int main(void)'
    echo '{'
    awk -F'\t' '$1 ~ /^value/ { print "    printf(\"%lld\\n\", (long long)(" $5 "));" }' "$tmp/rows"
    echo '    return 0;'
    echo '}'
} > "$tmp/values.c"
cc=$(sed -n 's/^CC := //p' "$build/config.mk")
evaluate() { $cc -std=gnu11 -D_GNU_SOURCE "$@" -I. -I"$build" -o "$tmp/values" "$tmp/values.c" 2> "$tmp/err" && "$tmp/values" > "$tmp/values.txt"; }
if ! evaluate; then # what is not there any more is -1, and the rest what it is
    gone=$(sed -nE "s/.*error: [^A-Za-z]*([A-Za-z_0-9]+)[^A-Za-z]* undeclared.*/-D\1=-1/p" "$tmp/err")
    evaluate $gone || echo "not ok values_are_found: $(grep -m1 error "$tmp/err")"
fi

# run IDIOM FIRST LAST: how many host instructions from the one to the other
run() {
    awk -v idiom="$1" -v first="$2" -v last="$3" '
        $0 == idiom { in_it = 1; next }
        /^$/ { in_it = 0 }
        in_it && /^        / {
            if ($0 ~ "^ *" first) on = 1
            if (on) n++
            if (on && $0 ~ "^ *" last) { print n; exit }
        }' "$expect"
}
# elements FILE ARRAY: how many it has
elements() {
    tr '\n' ' ' < "$1" | grep -oE "\b$2\[[^]]*\] = \{[^}]*\}" | sed 's/.*{//' | tr ',' '\n' | grep -c '[A-Z0-9]'
}

word_of='{"3":"three","4":"four","5":"five","6":"six","7":"seven","8":"eight","9":"nine","10":"ten","11":"eleven","12":"twelve"}'
: > "$tmp/wrong"
value=0
while IFS=$'\t' read -r kind words numbers file what; do
    # the words are in the text, and the numbers in the words
    grep -qF -- "$words" "$tmp/prose" "$tmp/reference" || echo "\"$words\" is not in $text" >> "$tmp/wrong"
    for number in $numbers; do
        spelt=$(grep -oE "\"$number\":\"[a-z]*\"" <<< "$word_of" | sed 's/.*:"//; s/"//')
        sed 's/\([0-9]\),\([0-9]\)/\1\2/g' <<< "$words" | grep -qiE "(^|[^0-9.])$number([^0-9]|$)${spelt:+|\\b$spelt\\b}" ||
            [ "$kind" = count ] || echo "\"$words\" does not say $number" >> "$tmp/wrong"
    done
    [ "$kind" = host ] || [ -e "$file" ] || { echo "\"$words\": there is no $file" >> "$tmp/wrong"; continue; }
    # and what they are in the code
    is=$numbers
    case $kind in
    value) value=$((value + 1)); is=$(sed -n "${value}p" "$tmp/values.txt") ;;
    count) is=$(elements "$file" "$what") ;;
    host) is=$(run "$file" "${what% .. *}" "${what#* .. }") ;;
    lines) is=$((($(wc -l < "$file") + 5) / 10 * 10)) ;;
    says | once) grep -qF -- "$what" "$file" || is="not in $file: $what" ;;
    *) is="no such kind: $kind" ;;
    esac
    [ "$is" = "$numbers" ] || echo "\"$words\": it is $is ($file: $what)" >> "$tmp/wrong"
done < "$tmp/rows"
verdict numbers_of_the_text_are_those_of_the_code < "$tmp/wrong"

# ---- each number has a row: what remains when the words of all rows, code, and names with digits are taken away
names='bf16|AVX-?[0-9]*|x86-64(-v[234])?|\bx86\b|\b[AT](64|32)\b|FEAT_LSE2|s390x|FMA3|SSE4\.1|\bx87\b|B2\.12|[Ss]ections? [0-9]|[0-9]+-bit|\b(xmm|r|x|v)[0-9]+\b'
awk -F'\t' '{ print $2 }' "$tmp/rows" | awk '{ print length($0) "\t" $0 }' | sort -rn | cut -f2- > "$tmp/words"
awk '
    NR == FNR { words[++n] = $0; next }
    { for (i = 1; i <= n; i++) while ((at = index($0, words[i])) > 0) $0 = substr($0, 1, at - 1) " " substr($0, at + length(words[i])); print }' \
    "$tmp/words" "$tmp/prose" | sed -E "s/\`[^\`]*\`//g; s/\[[^]]*\]\([^)]*\)//g; s/$names//g" |
    grep -oE '.{0,40}([0-9][0-9,.]*|\b(three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b).{0,30}' |
    sed 's/.*/a number without a row in tests\/cli\/claims: "&"/' |
    grep -vE 'the IR serves five architectures|serves the five architectures' | verdict every_number_has_a_row

# ---- the reference says nothing again that the text has said: no fourteen words in a row
perl -e '
    my %in;
    for my $file (@ARGV) {
        local $/; open my $f, "<", $file; my @w = split " ", lc <$f>;
        for my $i (0 .. @w - 14) {
            my $run = join " ", @w[$i .. $i + 13];
            if ($file eq $ARGV[0]) { $in{$run} = 1 } elsif ($in{$run}) { print "$run\n"; last }
        }
    }' "$tmp/prose" "$tmp/reference" | verdict texts_share_no_paragraphs

# ---- the block of section 2: its guest code, IR and host code
listing() { # of the text, from the line that begins with the words to the next paragraph
    awk -v from="$1" 'index($0, from) == 1 { on = 1; next } on && /^    / { print substr($0, 5); shown = 1 } on && shown && /^[^ ]/ { exit }' "$text"
}
program=$build/dragoman-system-aarch64
if [ -x "$program" ] && tests/guests/bare.sh "$tmp/idioms.elf" tests/code/aarch64.S; then
    at=$(aarch64-linux-gnu-nm "$tmp/idioms.elf" | sed -n 's/^0*\([0-9a-f]*\) . documented_loop$/\1/p')
    timeout 60 "$program" -M virt -accel tcg,host-cpu=x86-64-v3 -nodefaults -display none -semihosting -d in_asm,opt -D "$tmp/log" \
        -kernel "$tmp/idioms.elf" > /dev/null 2>&1
    # addresses as if the block were where the text has it
    awk -v at="$at" '/^IN: / { on = index($2, at) } on && /^(0x0|v|insn|put|store|brcond|br )/ { sub(/^0x0+/, "0x"); print }' "$tmp/log" |
        perl -pe 's/0x(4020[0-9a-f]{4})/sprintf "0x%x", hex($1) - hex("'"$at"'") + 0x40200048/ge; s/#0x([0-9])$/#$1/; s/ +/ /g' | sort > "$tmp/is"
    # two columns: 43 wide
    listing 'A guest loop' | perl -ne 'chomp; printf "%s\n%s\n", substr($_, 0, 43), length > 43 ? substr($_, 43) : ""' |
        sed -E 's/ +/ /g; s/^ //; s/ $//; s/#0x([0-9])$/#\1/' | grep . | sort > "$tmp/shown"
    diff "$tmp/is" "$tmp/shown" | grep '^[<>]' | verdict block_of_section_2_is_translated_as_shown
else
    echo "skip block_of_section_2_is_translated_as_shown: the program, or the guest, is not built"
fi
# Its host code is the idiom's, goals of jumps and places of constants aside.
bare='s/ ptr / /g; s/\b(qword|dword|xmmword|word|byte) //g; s/^(j[a-z]+) .*/\1/; s/\[rip[^]]*\]/[rip]/; s/ +/ /g; s/ $//'
awk '$0 == "documented_loop" { on = 1 } /^$/ { on = 0 } on && /^        /' "$expect" | sed -E "s/^ +//; $bare" > "$tmp/is"
listing 'What comes out' | cut -c 1-35 | grep -v '^out:' | sed -E "s/^ +//; $bare" > "$tmp/shown"
diff "$tmp/is" "$tmp/shown" | grep '^[<>]' | verdict host_code_of_section_2_is_as_shown

# ---- files, tests, figures and names
for doc in docs/internals.md docs/internals-reference.md docs/internals-ir.md docs/style.md README.md; do
    grep -vE '^    ' $doc | grep -oE '`[^`]+`' | tr -d '`' | sort -u > "$tmp/quoted"
    # paths, where nothing in them stands for something else
    grep -E '^(accel|base|block|cpu|docs|hw|memory|monitor|net|system|tcg|tests|tools)/[A-Za-z0-9_./*-]*$' "$tmp/quoted" |
        grep -vE '<|/(X|KIND|NAME)|ui/' | while read -r path; do
        [ "$doc" = docs/style.md ] || compgen -G "$path" > /dev/null || echo "$doc: there is no $path"
    done
done | verdict files_that_are_named_exist

git ls-files -co --exclude-standard | grep -E '\.(c|h|S|sh|ir|decode|opmap)$|/(lint|packages|decgen)$|^(Makefile|configure)$' | xargs cat > "$tmp/all"
for doc in docs/internals.md docs/internals-reference.md; do
    # identifiers with an underscore, struct names, constants: somewhere in the code as a word
    grep -vE '^    ' $doc | grep -oE '`[^`]+`' | tr -d '`' | sed -E 's/[A-Za-z0-9_\/]+\.(c|h|S|sh|t|ir|md|decode)\b//g' |
        grep -oE '\b[A-Za-z][A-Za-z0-9]*_[A-Za-z0-9_]+\b|\bstruct [a-z_]+' | sort -u |
        grep -vE '^(ISA|x86|a64_NAME|.*_$)' | sed 's/^struct //' | while read -r name; do
        grep -qwF -- "$name" "$tmp/all" || echo "$doc: there is no $name"
    done
done | verdict names_that_are_quoted_exist

# The table of section 9: each row names something, and what it names is there; a bare name is a test beside the last path.
sed -n '/^## 9/,$p' docs/internals-reference.md | grep '^| ' | tail -n +3 | while read -r row; do
    claim=$(cut -d'|' -f2 <<< "$row") by=$(cut -d'|' -f3- <<< "$row") folder=
    grep -q 'tests/\|lint\|`make bench`\|nothing counts\|prints it' <<< "$by" || echo "nothing checks:$claim"
    for quoted in $(grep -oE '`[^` ]+`' <<< "$by" | tr -d '`'); do
        case $quoted in
        tests/*) compgen -G "$quoted" > /dev/null || echo "there is no $quoted, for:$claim"; folder=$(dirname "$quoted") ;;
        *.c | *.sh | *.t | *.ir | *.c*)
            compgen -G "$folder/$quoted" > /dev/null || compgen -G "tests/*/$quoted" > /dev/null || echo "there is no $folder/$quoted, for:$claim" ;;
        leaf_objects | includes | guests) grep -q "^$quoted()" tools/lint || echo "lint has no $quoted, for:$claim" ;;
        esac
    done
done | verdict tests_that_guarantees_name_exist

# Figures of the micro-benchmark that the texts name.
grep -hoE '`(load|tlb|tlbi|mmio|fp|simd)_[a-z0-9_]+\*?`' docs/internals.md docs/internals-reference.md | tr -d '`' | sort -u |
    grep -vE '^(tlb_refill_leaf|tlb_sync|tlbi_pending|tlb_flush)' | while read -r figure; do
    grep -qE "${figure%\*}" tests/bench/micro.sh tests/bench/bare/micro.S || echo "micro.sh has no $figure"
done | verdict figures_that_are_named_are_measured
