/* SPDX-License-Identifier: MIT */
/* What decgen accepts, and what it refuses with which words. */
#include "tests/test.h"

#include <sys/wait.h>
#include <unistd.h>

/* What decgen printed last. */
static char said[2000];

/* Runs decgen on rows behind the line `isa` and returns its exit status. */
static int generate_for(const char *isa, const char *rows)
{
    char dir[] = "/tmp/decode_gen.XXXXXX", command[400];
    const char *build = getenv("BUILD");
    if (!mkdtemp(dir)) {
        return -1;
    }
    snprintf(
        command, sizeof(command),
        "cat > %s/in; ASAN_OPTIONS=detect_leaks=0 %s/tools/decgen %s/in -o %s/out > %s/said 2>&1",
        dir, build ? build : "build", dir, dir, dir);
    FILE *f = popen(command, "w");
    if (!f) {
        return -1;
    }
    fprintf(f, "%s\nfeature extra \"more\"\n%s", isa, rows);
    int status = pclose(f);
    snprintf(command, sizeof(command), "%s/said", dir);
    f = fopen(command, "r");
    size_t n = f ? fread(said, 1, sizeof(said) - 1, f) : 0;
    said[n] = 0;
    if (f) {
        fclose(f);
    }
    snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command) == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int generate(const char *rows)
{
    return generate_for("isa toy", rows);
}

#define ACCEPTS(rows) CHECK_MSG(generate(rows) == 0, "refused: %s", said)
#define REFUSES(rows, words)                                                                       \
    do {                                                                                           \
        CHECK_EQ(generate(rows), 1);                                                               \
        CHECK_MSG(strstr(said, words), "said \"%s\", not \"%s\"", said, words);                    \
    } while (0)

#define ZEROS16 "0000000000000000"

TEST(distinct_rows_are_accepted)
{
    ACCEPTS("one " ZEROS16 " a:16 \"one\" base\n"
            "two 0000000000000001 a:8 b:s8 c=s(b:00) \"two\" base where a != 3\n");
}

TEST(overlap_is_refused)
{
    REFUSES("one " ZEROS16 " a:16 \"one\" base\n"
            "two " ZEROS16 " a:8 00000000 \"two\" base\n",
            "row one overlaps row two of line 4 at 0x00000000");
}

TEST(declared_more_specific_row_may_overlap)
{
    ACCEPTS("one " ZEROS16 " a:16 \"one\" base\n"
            "two " ZEROS16 " a:8 00000000 \"two\" base over one\n");
}

TEST(row_that_is_not_more_specific_cannot_be_over)
{
    REFUSES("one " ZEROS16 " a:8 b:8 \"one\" base over two\n"
            "two " ZEROS16 " a:8 00000000 \"two\" base\n",
            "overlaps");
    REFUSES("one " ZEROS16 " 00000000 a:8 \"one\" base\n"
            "two " ZEROS16 " a:8 00000000 \"two\" base over one\n",
            "overlaps");
}

TEST(over_a_row_that_does_not_overlap_is_refused)
{
    REFUSES("one " ZEROS16 " a:16 \"one\" base\n"
            "two 0000000000000001 a:16 \"two\" base over one\n",
            "two is over one, which does not overlap");
}

TEST(row_covered_by_others_is_refused)
{
    REFUSES("one " ZEROS16 " a:16 \"one\" base\n"
            "two " ZEROS16 " 0 a:15 \"two\" base over one\n"
            "three " ZEROS16 " 1 a:15 \"three\" base over one\n",
            "row one is unreachable");
    ACCEPTS("one " ZEROS16 " a:16 \"one\" base\n"
            "two " ZEROS16 " 0 a:15 \"two\" base over one\n"
            "three " ZEROS16 " 1 a:15 \"three\" extra over one\n");
}

TEST(rows_of_one_name_must_have_the_same_operands)
{
    REFUSES("one " ZEROS16 " a:16 \"one\" base\n"
            "one/b 0000000000000001 b:16 \"one\" base\n",
            "operand b is not that of row one in line 3");
    REFUSES("one " ZEROS16 " a:8 b:8 \"one\" base\n"
            "one/b 0000000000000001 00000000 b:8 \"one\" base\n",
            "operands of row one in line 3 are missing");
    REFUSES("one " ZEROS16 " a:8 00000000 \"one\" base\n"
            "one/b 0000000000000001 a:16 \"one\" base\n",
            "operand a is not that of row one");
    REFUSES("one " ZEROS16 " a:16 \"one\" base\n"
            "one 0000000000000001 a:16 \"one\" base\n",
            "row one exists in line 3");
}

TEST(wrong_number_of_bits_is_refused)
{
    REFUSES("one " ZEROS16 " a:15 \"one\" base\n", "31 bits, not 32");
    REFUSES("one " ZEROS16 " a:17 \"one\" base\n", "no width that fits");
    REFUSES("one " ZEROS16 ZEROS16 "0 \"one\" base\n", "more than 32 bits");
}

TEST(unknown_names_are_refused)
{
    REFUSES("one " ZEROS16 " a:16 \"one {x(b)}\" base\n", "b is no operand of one");
    REFUSES("one " ZEROS16 " a:16 \"one\" base where b\n", "b is no operand of one");
    REFUSES("one " ZEROS16 " a:16 \"one\" new\n", "feature new is not declared");
    REFUSES("one " ZEROS16 " a:8 a:8 \"one\" base\n", "operand a appears twice");
}

TEST(malformed_rows_are_refused)
{
    REFUSES("one " ZEROS16 " a:16 base\n", "needs a width");
    REFUSES("one " ZEROS16 " a:16 \"one base\n", "quote is not closed");
    REFUSES("one " ZEROS16 " a:16 \"one {x(a}\" base\n", "'}' in an expression");
    REFUSES("one " ZEROS16 " a:16 \"one\" base where (a\n", "expression expected");
    REFUSES("one " ZEROS16 " a:16 \"one\" base where a @ 1\n", "'@' in an expression");
    REFUSES("one " ZEROS16 " a:16 \"one\" base nonsense\n", "unexpected \"nonsense");
}

TEST(range_must_be_made_of_powers_of_two)
{
    ACCEPTS("one " ZEROS16 " a:8[8..127] b:8 \"one\" base\n"
            "two " ZEROS16 " 00000 a:3 b:8 \"two\" base\n");
    REFUSES("one " ZEROS16 " a:8[8..127] b:8 \"one\" base\n"
            "two " ZEROS16 " 0000 a:4 b:8 \"two\" base\n",
            "row one_8 overlaps row two");
    REFUSES("one " ZEROS16 " a:8[9..127] b:8 \"one\" base\n", "range of a");
    REFUSES("one " ZEROS16 " a:8[8..511] b:8 \"one\" base\n", "range of a");
}

TEST(fixed_bits_have_three_notations)
{
    ACCEPTS("one 0x0000 a:16 \"one\" base\n"
            "two 0000000000000001 a:16 \"two\" base\n"
            "three =2:16 a:16 \"three\" base\n");
    REFUSES("one 0x0002 a:16 \"one\" base\n"
            "two =2:16 a:16 \"two\" base\n",
            "row one overlaps row two of line 4 at 0x00020000");
    REFUSES("one =4:2 a:30 \"one\" base\n", "=NUMBER:WIDTH expected");
    REFUSES("one 0x a:24 \"one\" base\n", "a constant of one to eight digits expected");
}

TEST(rows_have_the_lengths_declared)
{
    const char *mixed = "isa toy\nunits 16 big\nlength 32 01 10\nlength 48 11\nlength 16 otherwise";
    CHECK_EQ(generate_for(mixed, "one 0x00 a:8 \"one\" base\n"
                                 "two 0x40 a:24 \"two\" base\n"
                                 "three 0xC0 a:32 b:s8 \"three\" base\n"),
             0);
    CHECK_EQ(generate_for(mixed, "one 0x00 a:16 \"one\" base\n"), 1);
    CHECK_MSG(strstr(said, "24 bits, not 32 or 48 or 16"), "%s", said);
    CHECK_EQ(generate_for(mixed, "one 0x40 a:8 \"one\" base\n"), 1);
    CHECK_MSG(strstr(said, "another length than its 16"), "%s", said);
    CHECK_EQ(generate_for(mixed, "one a:1 0000000 b:24 \"one\" base\n"), 1);
    CHECK_MSG(strstr(said, "another length than its 32"), "%s", said);
    CHECK_EQ(generate_for(mixed, "one 0x00 a:32 b:16 \"one\" base\n"), 1);
    CHECK_MSG(strstr(said, "more than 48 bits") || strstr(said, "no width that fits"), "%s", said);
}

TEST(overlap_names_the_bits_of_the_length)
{
    CHECK_EQ(generate_for("isa toy\nunits 16 little\nlength 32 111\nlength 16 otherwise",
                          "one 0x12 a:8 \"one\" base\ntwo 0x1234 \"two\" base\n"),
             1);
    CHECK_MSG(strstr(said, "row one overlaps row two of line 7 at 0x1234"), "%s", said);
}

TEST(shape_is_declared_completely_and_before_rows)
{
    CHECK_EQ(generate_for("isa toy\nunits 16 little\nlength 32 111", "one 0x1234 \"one\" base\n"),
             1);
    CHECK_MSG(strstr(said, "\"length BITS otherwise\" is missing"), "%s", said);
    CHECK_EQ(generate_for("isa toy\nunits 16", "one 0x1234 \"one\" base\n"), 1);
    CHECK_MSG(strstr(said, "byte order expected"), "%s", said);
    CHECK_EQ(generate_for("isa toy\nunits 16 little\nlength 24 1", ""), 1);
    CHECK_MSG(strstr(said, "multiples of the unit"), "%s", said);
    REFUSES("one " ZEROS16 " a:16 \"one\" base\nunits 16 little\n", "before the rows");
}

#define OPMAP_ACCEPTS(rows) CHECK_MSG(generate_for("opmap toy", rows) == 0, "refused: %s", said)
#define OPMAP_REFUSES(rows, words)                                                                 \
    do {                                                                                           \
        CHECK_EQ(generate_for("opmap toy", rows), 1);                                              \
        CHECK_MSG(strstr(said, words), "said \"%s\", not \"%s\"", said, words);                    \
    } while (0)

TEST(opcode_maps_are_accepted)
{
    OPMAP_ACCEPTS("add/r 01 /r Ev, Gv lock base\n"
                  "add/i 81 /0 Ev, Iz lock base\n"
                  "or/i 81 /1 Ev, Iz lock base\n"
                  "push 50+r src=Zv d64 base\n"
                  "jcc 70+cc Jb \"j{cc(cc)}\" f64 base\n"
                  "pinsrb 66 0F 3A 20 /r Vdq, Rd/Mb, Ib base\n"
                  "vaddps VEX.NP.0F.WIG 58 /r Vps, Hps, Wps extra when l, base\n"
                  "fadd D8 C0+i ST, STi base\n"
                  "fadd_m D8 /0 src=Md base\n"
                  "nop 0F 1F /0 Ev base\n");
}

TEST(rows_for_one_instruction_are_refused)
{
    OPMAP_REFUSES("one 01 /r Ev, Gv base\ntwo 01 /r Gv, Ev base\n",
                  "row one overlaps row two of line 4");
    OPMAP_REFUSES("one 50+r Zv base\ntwo 57 base\n", "row one overlaps row two of line 4");
    OPMAP_REFUSES("one 0F BC /r Gv, Ev base\ntwo F3 0F BC /r Gv, Ev base\n",
                  "row one overlaps row two of line 4");
    OPMAP_REFUSES("one NP 0F 12 /r Vq, Wq base\ntwo 0F 12 11:rrr:bbb Vq, Uq base\n",
                  "row one overlaps row two of line 4");
    OPMAP_REFUSES(
        "one VEX.66.0F 58 /r Vps, Hps, Wps base\ntwo VEX.256.66.0F 58 /r Vx, Hx, Wx base\n",
        "row one overlaps row two of line 4");
}

TEST(rows_that_differ_in_one_thing_are_accepted)
{
    OPMAP_ACCEPTS("one 0F BC /r Gv, Ev base\ntwo F3 0F BC /r Gv, Ev extra over one\n");
    OPMAP_ACCEPTS("one NP 0F 12 !(11):rrr:bbb Vq, Mq base\ntwo NP 0F 12 11:rrr:bbb Vq, Uq base\n");
    OPMAP_ACCEPTS("one NP 0F 12 /r Vq, Mq base\ntwo NP 0F 12 /r Vq, Uq base\n");
    OPMAP_ACCEPTS("one 63 /r Ew, Gw i64 base\ntwo 63 /r Gv, Ed o64 base\n");
    OPMAP_ACCEPTS("one E3 Jb as16 base\ntwo E3 Jb as32 base\nthree E3 Jb as64 base\n");
    OPMAP_ACCEPTS("one W0 0F C7 /1 Mq base\ntwo REX.W 0F C7 /1 Mdq base\n");
    OPMAP_ACCEPTS("one 0F 58 /r Vps, Wps base\ntwo VEX.0F 58 /r Vps, Hps, Wps base\n");
    OPMAP_ACCEPTS("one VEX.128.0F 77 base\ntwo VEX.256.0F 77 base\n");
    OPMAP_ACCEPTS("one 98 os16 base\ntwo 98 os32 base\nthree 98 os64 base\n");
}

TEST(rows_of_an_opcode_agree_on_modrm)
{
    OPMAP_REFUSES("one 90+r Zv base\ntwo 91 /r Ev base\n",
                  "row two and row one of line 3 differ in whether ModRM follows");
    OPMAP_REFUSES("one 01 Ev, Gv base\n", "operand dst of row one needs /r or /0 to /7");
}

TEST(wrong_notation_is_refused)
{
    OPMAP_REFUSES("one 01 /r Kv, Gv base\n", "\"Kv\" is no notation of an operand");
    OPMAP_REFUSES("one 01 /r Evv, Gv base\n", "\"Evv\" is no notation of an operand");
    OPMAP_REFUSES("one 01 Ix base\n", "\"Ix\" is no notation of an operand");
    OPMAP_REFUSES("one 01 I base\n", "\"I\" is no notation of an operand");
    OPMAP_REFUSES("feature SSE \"x\"\n", "a small letter comes first");
    OPMAP_REFUSES("feature lock \"x\"\n", "it is no attribute");
    OPMAP_REFUSES("one /r Ev base\n", "opcode byte expected");
    OPMAP_REFUSES("one 01 /8 Ev base\n", "/r or /0 to /7 expected");
    OPMAP_REFUSES("one 51+r Zv base\n", "opcode 51 is no first one of a group");
    OPMAP_REFUSES("one 01 /r Hps base\n", "an operand of VEX.vvvv, but no VEX");
    OPMAP_REFUSES("one VEX.128.66 01 /r Vps base\n", "VEX without 0F, 0F38 or 0F3A");
    OPMAP_REFUSES("one VEX.512.0F 01 /r Vps base\n", "is no part of VEX");
    OPMAP_REFUSES("one VEX.128.256.0F 01 /r Vps base\n", "contradicts itself");
    OPMAP_REFUSES("one 66 F3 0F 01 /r Vps base\n", "contradicts itself");
    OPMAP_REFUSES("one 0F 01 D0 Ms base\n", "ask for a register and for memory");
    OPMAP_REFUSES("one 01 /r Gv/Mb base\n", "a register or memory is written as");
    OPMAP_REFUSES("one 01 /r dst=Ev, dst=Gv base\n", "operand dst appears twice");
    OPMAP_REFUSES("one 01 /r Ev, Gv, Ib, Ib, Ib base\n", "more than 4 operands");
    OPMAP_REFUSES("one 01 /r Ev i64 o64 base\n", "contradicts itself");
    OPMAP_REFUSES("one 01 /r Ev unheard\n", "feature unheard is not declared");
}

TEST(rows_of_one_name_have_operands_of_the_same_names)
{
    OPMAP_REFUSES("one/a 01 /r Ev, Gv base\none/b 02 /r Ev base\n",
                  "operand 2 of row one_b, \"\", is not that of row one_a in line 3, \"src\"");
    OPMAP_ACCEPTS("one/a 01 /r Ev, Gv base\none/b 02 /r dst=Gv, src=Eb base\n");
}

TEST(row_below_rows_that_take_all_its_instructions_is_refused)
{
    OPMAP_REFUSES("one 98 base\n"
                  "two 98 i64 base over one\n"
                  "three 98 o64 base over one\n",
                  "row one is unreachable");
}
