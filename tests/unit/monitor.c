/* SPDX-License-Identifier: MIT */
/* The human monitor: its commands, and editing of the line. */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "hw/balloon.h"
#include "monitor/lineedit.h"
#include "tests/unit/fake_machine.h"

static struct {
    struct fake_machine fake;
    struct monitor_context context;
    struct monitor_session session;
    struct strbuf out;
} t;

static void begin(void)
{
    memset(&t, 0, sizeof(t));
    fake_machine_init(&t.fake, 2);
    t.context = (struct monitor_context){
        .control = &t.fake.control, .machine = &t.fake.machine, .accel = t.fake.accel};
    t.session.context = &t.context;
}

static void end(void)
{
    strbuf_free(&t.out);
    fake_machine_free(&t.fake);
}

/* What the command says. */
static const char *say(const char *line)
{
    strbuf_clear(&t.out);
    monitor_execute(&t.session, line, &t.out);
    return strbuf_text(&t.out);
}

TEST(stop_cont_and_quit_reach_the_machine)
{
    begin();
    CHECK_STR(say("cont"), "");
    CHECK_EQ(t.fake.control.state, RUN_RUNNING);
    CHECK_STR(say("info status"), "VM status: running\n");
    CHECK_STR(say("s"), "");
    CHECK_STR(say("info status"), "VM status: paused\n");
    say("system_reset");
    CHECK_EQ(t.fake.resets, 1);
    CHECK_STR(say("system_powerdown"), "");
    CHECK_STR(say("system_powerdown"), "the machine has no power button\n");
    t.fake.control.state = RUN_SHUTDOWN;
    CHECK_STR(say("c"), "the guest has powered off\n");
    say("q");
    CHECK_EQ(t.fake.quits, 1);
    end();
}

TEST(unknown_command_suggests_the_nearest)
{
    begin();
    CHECK_STR(say("qiut"), "unknown command 'qiut'; did you mean 'quit'? ('help' lists all)\n");
    CHECK_STR(say("stop now"), "usage: stop \n");
    CHECK(strstr(say("info regs"), "info: there is no topic 'regs'; there are:\n  balloon") !=
          NULL);
    CHECK_STR(say("  "), "");
    CHECK_STR(say("a b c d e f g h i j k l m n o p q"), "more than 16 words\n");
    end();
}

TEST(commands_that_are_not_built_say_what_is_there)
{
    static const char *const names[] = {"boot_set c",    "chardev-add null,id=a", "delvm a",
                                        "drive_del d",   "one-insn-per-tb on",    "qom-list /",
                                        "system_wakeup", "trace-event a on"};
    begin();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *said = say(names[i]);
        CHECK_MSG(strstr(said, "' is not built; ") != NULL, "%s: %s", names[i], said);
    }
    end();
}

TEST(help_derives_from_the_rows)
{
    begin();
    const char *all = say("help");
    CHECK(strstr(all, "  quit|q                       end the emulator\n") != NULL);
    CHECK(strstr(all, "  x /FORMAT ADDRESS            virtual memory") != NULL);
    CHECK_STR(say("help cpu"), "cpu N   the CPU that registers and memory are shown of\n");
    CHECK(strstr(say("help info"), "registers [-a]") != NULL);
    CHECK(strstr(say("info"), "mtree") != NULL);
    end();
}

TEST(info_shows_registers_and_cpus)
{
    begin();
    t.fake.cpus[1]->x[0] = 0x55;
    t.fake.cpus[1]->v.halted = true;
    CHECK_STR(say("info registers"), "CPU#0\nX0=0000000000000000 PC=0000000000000000\n");
    say("cpu 1");
    CHECK_STR(say("info registers"), "CPU#1\nX0=0000000000000055 PC=0000000000000000\n");
    CHECK(strstr(say("info registers -a"), "CPU#0\n") != NULL);
    CHECK_STR(say("info cpus"),
              "  CPU #0: pc=0x0000000000000000\n* CPU #1: pc=0x0000000000000000 (halted)\n");
    CHECK_STR(say("cpu 2"), "the machine has CPUs 0 to 1\n");
    CHECK_STR(say("info jit"), "the accelerator fake cannot tell of translated code\n");
    CHECK_STR(say("info qtree"), "bus: main-system-bus\n  type system\n");
    CHECK_STR(say("info block"), "about block\n");
    CHECK(strstr(say("info mtree"), "ram") != NULL);
    end();
}

TEST(memory_is_shown_in_any_format)
{
    begin();
    memcpy(t.fake.ram,
           "\x01\x02\x03\x80"
           "AB\n\xff",
           8);
    CHECK_STR(say("xp/2xw 0x1000"), "0000000000001000: 0x80030201 0xff0a4241\n");
    CHECK_STR(say("xp /2xw 0x1000"), "0000000000001000: 0x80030201 0xff0a4241\n");
    CHECK_STR(say("x 0x1000"), "0000000000001000: 0x80030201\n");
    CHECK_STR(say("x/1dw 0x1000"), "0000000000001000: -2147286527\n");
    CHECK_STR(say("x/1uw 0x1000"), "0000000000001000: 2147680769\n");
    CHECK_STR(say("x/2ob 0x1000"), "0000000000001000: 01 02\n");
    CHECK_STR(say("x/3cb 0x1004"), "0000000000001004: 'A' 'B' '\\x0a'\n");
    CHECK_STR(say("x/1xg 0x1000"), "0000000000001000: 0xff0a424180030201\n");
    CHECK_STR(say("x/2i 0x1000"),
              "0x0000000000001000:  0201  insn 0x201\n0x0000000000001002:  8003  insn 0x8003\n");
    end();
}

TEST(addresses_may_be_registers_and_sums)
{
    begin();
    t.fake.cpus[0]->x[1] = 0x1000;
    t.fake.cpus[0]->pc = 0x1002;
    t.fake.ram[2] = 0x7f;
    CHECK_STR(say("x/1xb $x1+2"), "0000000000001002: 0x7f\n");
    CHECK_STR(say("x/1xb $pc"), "0000000000001002: 0x7f\n");
    CHECK_STR(say("x/1xb $pc-0x2+2"), "0000000000001002: 0x7f\n");
    t.fake.cpus[0]->inverted_flags = ~0x1002u;
    CHECK_STR(say("x/1xb $flags"), "0000000000001002: 0x7f\n");
    CHECK_STR(say("x/1xb $nope"), "there is no register $nope\n");
    CHECK_STR(say("x/1xb x1"), "'x1' is not a number, 0x... or $REGISTER\n");
    CHECK_STR(say("x/1xb 0x1000z"), "'z' is left over behind a number\n");
    CHECK_STR(say("x/1xb 0"), "0000000000000000:\ncannot read memory at 0x0\n");
    CHECK_STR(say("x/0xb 0x1000"), "from 1 to 65536 items\n");
    CHECK_STR(say("x/1z 0x1000"), "format '1z': a count, one of x d u o c i, and one of b h w g\n");
    end();
}

TEST(expressions_have_their_order)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"print 1+2*3", "0x7\n"},
        {"print (1+2)*3", "0x9\n"},
        {"print 1+2&2", "0x3\n"}, /* & binds tighter than +, as in QEMU */
        {"print 7&3*2", "0x6\n"},
        {"print 6|1^1", "0x6\n"},
        {"print 7/2%2", "0x1\n"},
        {"print ~0", "0xffffffffffffffff\n"},
        {"print -1", "0xffffffffffffffff\n"},
        {"print 0", "0x0\n"},
        {"print 010", "0x8\n"},
        {"print 'a'", "0x61\n"},
        {"print 1 + 2", "0x3\n"},
        {"print/d 0x10", "16\n"},
        {"print/d -1", "-1\n"},
        {"p/u -1", "18446744073709551615\n"},
        {"p/o 8", "010\n"},
        {"p/c 65", "'A'\n"},
        {"print 1/0", "division by zero\n"},
        {"print 1%0", "division by zero\n"},
        {"print (1", "a ')' is missing\n"},
        {"print 1)", "')' is left over behind a number\n"},
        {"print 1+", "'' is not a number, 0x... or $REGISTER\n"},
        {"print 0x10000000000000000", "'0x10000000000000000' does not fit in 64 bits\n"},
        {"print ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1", NULL},
        {"print $x1*2", "0x24\n"},
    };
    begin();
    t.fake.cpus[0]->x[1] = 0x12;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *said = say(cases[i].text);
        if (cases[i].says) {
            CHECK_MSG(strcmp(said, cases[i].says) == 0, "%s: %s", cases[i].text, said);
        } else {
            CHECK_STR(said, "more than 64 levels in one expression\n");
        }
    }
    end();
}

/* A file in the folder of this process; what it has in bytes, which are n at most. */
static size_t read_file(const char *path, void *bytes, size_t n)
{
    FILE *f = fopen(path, "rb");
    const size_t got = f ? fread(bytes, 1, n, f) : 0;
    if (f) {
        fclose(f);
    }
    return got;
}

TEST(memory_goes_into_files_and_sums)
{
    char path[] = "/tmp/dragoman-monitor-XXXXXX", line[200];
    uint8_t bytes[FAKE_RAM_BYTES + 1];
    const int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    close(fd);
    begin();
    for (unsigned i = 0; i < FAKE_RAM_BYTES; i++) {
        t.fake.ram[i] = (uint8_t)(i * 7);
    }
    snprintf(line, sizeof(line), "pmemsave 0x1ff0 0x20 \"%s\"", path);
    CHECK_STR(say(line), "");
    CHECK_EQ(read_file(path, bytes, sizeof(bytes)), 0x20);
    CHECK_EQ(memcmp(bytes, t.fake.ram + 0xff0, 0x20), 0);
    snprintf(line, sizeof(line), "memsave 0x1000 0x2000 %s", path);
    CHECK_STR(say(line), "");
    CHECK_EQ(read_file(path, bytes, sizeof(bytes)), FAKE_RAM_BYTES);
    CHECK_EQ(memcmp(bytes, t.fake.ram, FAKE_RAM_BYTES), 0);
    /* What cannot be read leaves the old file. */
    snprintf(line, sizeof(line), "pmemsave 0x2000 0x2000 %s", path);
    CHECK_STR(say(line), "cannot read memory at 0x3000\n");
    CHECK_EQ(read_file(path, bytes, sizeof(bytes)), FAKE_RAM_BYTES);
    CHECK(strstr(say("pmemsave 0x1000 4 /nonexistent/x"), "/nonexistent/x: no file can be") !=
          NULL);
    unlink(path);
    memcpy(t.fake.ram, "123456789", 9);
    CHECK_STR(say("sum 0x1000 9"), "53615\n"); /* printf 123456789 | sum */
    CHECK_STR(say("sum 0x1000 0"), "00000\n");
    end();
}

TEST(addresses_are_found)
{
    char expected[100];
    begin();
    CHECK_STR(say("gva2gpa 0x1008"), "gpa: 0x1008\n");
    CHECK_STR(say("gva2gpa 0"), "Unmapped\n");
    snprintf(expected, sizeof(expected), "Host virtual address for 0x1010 (ram) is %p\n",
             (void *)(t.fake.ram + 16));
    CHECK_STR(say("gpa2hva 0x1000+16"), expected);
    CHECK_STR(say("gpa2hva 0x9000"), "No memory is mapped at address 0x9000\n");
    end();
}

TEST(mappings_are_shown_in_runs_and_pieces)
{
    begin();
    CHECK_STR(say("info mem"),
              "0000000000001000-0000000000002fff 0000000000002000 ur-x srwx\n"
              "0000000000003000-0000000000003fff 0000000000001000 u--- srw- device global\n");
    CHECK_STR(say("info tlb"), "0000000000001000: 0000000000005000 4K ur-x srwx\n"
                               "0000000000002000: 0000000000009000 4K ur-x srwx\n"
                               "0000000000003000: 0000000000006000 4K u--- srw- device global\n");
    end();
}

TEST(networks_are_named_and_their_links_set)
{
    begin();
    CHECK_STR(say("set_link n1 on"), "there is no network 'n1'\n");
    CHECK_STR(say("set_link n1 yes"), "usage: set_link ID on|off\n");
    CHECK_STR(say("netdev_add user,id=n2"), "no netdev_add of 'user,id=n2'\n");
    CHECK_STR(say("netdev_del n2"), "no netdev_del of 'n2'\n");
    CHECK_STR(say("hostfwd_add tcp::1-:2"), "there is no network '(first)'\n");
    CHECK_STR(say("hostfwd_remove n3 tcp::1"), "there is no network 'n3'\n");
    end();
}

TEST(devices_come_and_go_through_the_machine)
{
    begin();
    CHECK_STR(say("device_add virtio-rng-pci,id=r,bus=rp"),
              "no device_add of 'virtio-rng-pci,id=r,bus=rp'\n");
    CHECK_STR(say("device_del r"), "no device_del of 'r'\n");
    CHECK_STR(say("device_del"), "usage: device_del ID\n");
    end();
}

TEST(memory_back_ends_show_no_control_characters)
{
    begin();
    CHECK_STR(say("ringbuf_read r 100"), "a\\u001B[2J\\\\\nbcdefg\n");
    CHECK_STR(say("ringbuf_read r 1"), "a\n");
    CHECK_STR(say("ringbuf_read s 1"), "no ringbuf 's'\n");
    CHECK_STR(say("ringbuf_write r \"a b\""), "'r' has not taken 'a b'\n");
    end();
}

static uint64_t balloon_bytes;

static void set_balloon(struct balloon *b, uint64_t bytes)
{
    (void)b;
    balloon_bytes = bytes;
}

static uint64_t get_balloon(struct balloon *b)
{
    (void)b;
    return balloon_bytes;
}

TEST(balloon_is_set_and_shown)
{
    struct balloon b = {set_balloon, get_balloon};
    struct machine *m = &t.fake.machine;
    begin();
    CHECK(strstr(say("balloon 100"), "has no balloon") != NULL);
    m->balloon = &b;
    CHECK_STR(say("balloon 100"), "");
    CHECK_EQ(balloon_bytes, 100u << 20);
    CHECK_STR(say("info balloon"), "balloon: actual=100\n");
    CHECK(strstr(say("balloon x"), "a number of MiB") != NULL);
    end();
}

TEST(log_changes_what_is_logged)
{
    begin();
    say("log int,mmu");
    CHECK_EQ(log_mask(), LOG_INT | LOG_MMU);
    CHECK(strstr(say("log imt"), "int") != NULL);
    CHECK_EQ(log_mask(), LOG_INT | LOG_MMU);
    say("log none");
    CHECK_EQ(log_mask(), 0);
    CHECK(strstr(say("log help"), "in_asm") != NULL);
    CHECK(strstr(say("logfile /nonexistent/x"), "/nonexistent/x") != NULL);
    end();
}

/* ---- the line */

static void words(const char *line, struct strbuf *out)
{
    static const char *const all[] = {"start", "status", "quit"};
    for (int i = 0; i < 3; i++) {
        if (strncmp(all[i], line, strlen(line)) == 0) {
            strbuf_printf(out, "%s ", all[i]);
        }
    }
}

static struct lineedit edit;

/* Types the keys; true if the last one completed a line. */
static bool type(const char *keys)
{
    struct strbuf shown = {0};
    bool complete = false;
    for (; *keys; keys++) {
        complete = lineedit_byte(&edit, (uint8_t)*keys, &shown);
    }
    strbuf_free(&shown);
    return complete;
}

static void next_line(void)
{
    struct strbuf shown = {0};
    lineedit_start(&edit, &shown);
    CHECK_STR(strbuf_text(&shown), "> ");
    strbuf_free(&shown);
}

TEST(keys_edit_the_line)
{
    static const struct {
        const char *keys, *line;
    } cases[] = {
        {"abc", "abc"},
        {"abc\x7f\x08", "a"},
        {"abc\x01x", "xabc"},
        {"abc\x01\x04", "bc"},
        {"abc\x02x", "abxc"},
        {"abc\x01\x06x", "axbc"},
        {"abc\x1b[Dx", "abxc"},
        {"abc\x1b[D\x1b[Cx", "abcx"},
        {"abc\x1b[H\x1b[3~\x1b[Fx", "bcx"},
        {"abc\x1b[1~x\x1b[4~y", "xabcy"},
        {"abc\x1bOHx", "xabc"},
        {"ab cd\x17x", "ab x"},
        {"abc\x02\x02\x0b", "a"},
        {"abc\x02\x15", "c"},
        {"abc\x03x", "x"},
        {"abc\x1b[99;99zx", "abcx"},
        {"\x1b[1234567890~x", "x"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        lineedit_init(&edit, "> ", words);
        next_line();
        type(cases[i].keys);
        CHECK_MSG(strcmp(edit.line, cases[i].line) == 0, "case %zu: %s", i, edit.line);
        CHECK(type("\r"));
        lineedit_free(&edit);
    }
}

TEST(history_goes_back_and_returns_to_the_draft)
{
    lineedit_init(&edit, "> ", words);
    next_line();
    CHECK(type("one\r"));
    next_line();
    CHECK(type("two\n"));
    next_line();
    CHECK(type("two\r")); /* not kept twice */
    next_line();
    type("dra\x1b[A");
    CHECK_STR(edit.line, "two");
    type("\x10");
    CHECK_STR(edit.line, "one");
    type("\x1b[A");
    CHECK_STR(edit.line, "one");
    type("\x1b[B\x0e");
    CHECK_STR(edit.line, "dra");
    lineedit_free(&edit);
}

TEST(tab_completes_as_far_as_it_is_clear)
{
    lineedit_init(&edit, "> ", words);
    next_line();
    type("s\t");
    CHECK_STR(edit.line, "sta");
    type("t\t");
    CHECK_STR(edit.line, "status ");
    type("\x15q\t");
    CHECK_STR(edit.line, "quit ");
    type("\x15zz\t");
    CHECK_STR(edit.line, "zz");
    lineedit_free(&edit);
}

TEST(line_and_history_have_their_limits)
{
    lineedit_init(&edit, "> ", words);
    next_line();
    for (int i = 0; i < 3 * LINEEDIT_MAX; i++) {
        type("x");
    }
    CHECK_EQ(edit.length, LINEEDIT_MAX);
    for (int i = 0; i < 2 * LINEEDIT_HISTORY; i++) {
        char line[16];
        type("\r");
        next_line();
        snprintf(line, sizeof(line), "line %d", i);
        type(line);
    }
    CHECK_EQ(edit.count, LINEEDIT_HISTORY);
    lineedit_free(&edit);
}
