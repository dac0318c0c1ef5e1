/* SPDX-License-Identifier: MIT */
/* gdb's remote protocol against a machine without a CPU: packets, registers, memory, points,
 * running, queries. */
#include "tests/test.h"

#include "base/mem.h"
#include "monitor/gdb.h"
#include "monitor/gdb_packet.h"
#include "tests/unit/fake_machine.h"

/* ---- one peer, who types packets and reads what comes back */

struct peer {
    struct stream stream; /* first */
    struct stream_reader reader;
    struct strbuf out;
};

static size_t peer_write(struct stream *s, const uint8_t *bytes, size_t n)
{
    strbuf_bytes(&((struct peer *)s)->out, bytes, n);
    return n;
}

static void peer_set_reader(struct stream *s, const struct stream_reader *r)
{
    struct peer *p = (struct peer *)s;
    if (r) {
        p->reader = *r;
    }
}

static void peer_nothing(struct stream *s)
{
    (void)s;
}

static const struct stream_ops peer_ops = {.write = peer_write,
                                           .set_reader = peer_set_reader,
                                           .more_room = peer_nothing,
                                           .close = peer_nothing};

static struct {
    struct peer peer;
    struct fake_machine fake;
    struct gdb *gdb;
} t;

static void type_bytes(const void *bytes, size_t n)
{
    t.peer.reader.read(t.peer.reader.opaque, bytes, n);
}

/* Sends data as a packet; what came back, acknowledgement included. */
static const char *raw(const char *data, size_t n)
{
    struct strbuf s = {0};
    uint8_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (uint8_t)data[i];
    }
    strbuf_putc(&s, '$');
    strbuf_bytes(&s, data, n);
    strbuf_printf(&s, "#%02x", sum);
    strbuf_clear(&t.peer.out);
    type_bytes(strbuf_text(&s), s.len);
    strbuf_free(&s);
    return strbuf_text(&t.peer.out);
}

/* The data of the packet that answers `data`, if exactly one does. */
static const char *ask(const char *data)
{
    static char answer[GDB_PACKET_MAX + 1];
    const char *got = raw(data, strlen(data));
    const char *end = strrchr(got, '#');
    if (got[0] != '+' || got[1] != '$' || !end || strlen(end) != 3 ||
        memchr(got + 2, '$', (size_t)(end - got - 2))) {
        return got;
    }
    size_t n = (size_t)(end - got) - 2;
    memcpy(answer, got + 2, n);
    answer[n] = '\0';
    return answer;
}

/* What has come since the last question, without framing. */
static const char *heard(void)
{
    static char answer[256];
    const char *got = strbuf_text(&t.peer.out), *end = strrchr(got, '#');
    size_t n = end && got[0] == '$' ? (size_t)(end - got) - 1 : 0;
    memcpy(answer, got + 1, n);
    answer[n] = '\0';
    return answer;
}

static void begin(void)
{
    memset(&t, 0, sizeof(t));
    fake_machine_init(&t.fake, 2);
    t.peer.stream.ops = &peer_ops;
    struct monitor_context c = {
        .control = &t.fake.control, .machine = &t.fake.machine, .accel = NULL};
    t.gdb = gdb_create(&c, &fake_guest, &t.peer.stream);
    t.fake.control.state = RUN_RUNNING;
    t.peer.reader.event(t.peer.reader.opaque, STREAM_OPENED);
    strbuf_clear(&t.peer.out);
}

static void end(void)
{
    gdb_destroy(t.gdb, 0);
    strbuf_free(&t.peer.out);
    fake_machine_free(&t.fake);
}

/* ---- packets */

TEST(connecting_stops_the_machine)
{
    begin();
    CHECK_EQ(t.fake.control.state, RUN_PAUSED);
    CHECK_STR(ask("?"), "T05thread:01;");
    end();
}

TEST(bad_checksum_is_refused_and_a_refused_answer_sent_again)
{
    begin();
    strbuf_clear(&t.peer.out);
    type_bytes("$?#00", 5);
    CHECK_STR(strbuf_text(&t.peer.out), "-");
    ask("qC");
    strbuf_clear(&t.peer.out);
    type_bytes("-", 1);
    CHECK_STR(heard(), "QC01");
    end();
}

TEST(no_acknowledgements_after_QStartNoAckMode)
{
    begin();
    CHECK_STR(ask("QStartNoAckMode"), "OK");
    CHECK_STR(raw("qC", 2), "$QC01#f5");
    end();
}

TEST(unknown_packets_are_answered_with_nothing)
{
    begin();
    CHECK_STR(ask("vMustReplyEmpty"), "");
    CHECK_STR(ask("qNever"), "");
    CHECK_STR(ask("Y"), "");
    end();
}

TEST(packet_beyond_the_size_is_refused)
{
    begin();
    char *data = mem_alloc(GDB_PACKET_MAX + 2);
    memset(data, 'm', GDB_PACKET_MAX + 1);
    CHECK_STR(raw(data, GDB_PACKET_MAX + 1), "-");
    CHECK_STR(ask("qC"), "QC01");
    mem_free(data);
    end();
}

/* ---- registers */

TEST(registers_are_bytes_in_guest_order)
{
    begin();
    t.fake.cpus[0]->x[0] = 0x1122334455667788;
    t.fake.cpus[0]->pc = 0x1000;
    t.fake.cpus[0]->inverted_flags = ~0xaabbccddu;
    CHECK_STR(ask("g"), "8877665544332211"
                        "0000000000000000"
                        "0010000000000000"); /* of the first feature */
    CHECK_STR(ask("p0"), "8877665544332211");
    CHECK_STR(ask("p3"), "ddccbbaa");
    CHECK_STR(ask("p7"), "E14");
    CHECK_STR(ask("P1=0100000000000000"), "OK");
    CHECK_EQ(t.fake.cpus[0]->x[1], 1);
    CHECK_STR(ask("P1=01"), "E22");
    CHECK_STR(ask("P3=01000000"), "OK");
    CHECK_EQ(t.fake.cpus[0]->inverted_flags, ~1u);
    CHECK_STR(ask("P2=0040000000000000"), "OK");
    CHECK_EQ(t.fake.cpus[0]->pc, 0x4000);
    CHECK_STR(ask("G0200000000000000"), "OK");
    CHECK_EQ(t.fake.cpus[0]->x[0], 2);
    end();
}

TEST(description_lists_the_registers_by_feature)
{
    begin();
    const char *all = ask("qXfer:features:read:target.xml:0,ffff");
    CHECK(all[0] == 'l');
    CHECK(strstr(all, "<architecture>fake</architecture>") != NULL);
    CHECK(strstr(all, "<feature name=\"org.fake.core\">\n<reg name=\"x0\" bitsize=\"64\" "
                      "regnum=\"0\" type=\"uint64\"/>") != NULL);
    CHECK(strstr(all, "<reg name=\"flags\" bitsize=\"32\" regnum=\"3\" type=\"uint32\"/>") != NULL);
    CHECK(strstr(all, "hidden") == NULL);
    char first[40];
    snprintf(first, sizeof(first), "%.10s", all + 1);
    const char *part = ask("qXfer:features:read:target.xml:0,a");
    CHECK(part[0] == 'm');
    CHECK_STR(part + 1, first);
    CHECK_STR(ask("qXfer:features:read:target.xml:100000,a"), "l");
    CHECK_STR(ask("qXfer:features:read:other.xml:0,a"), "E00");
    end();
}

/* ---- memory */

TEST(memory_is_read_and_written)
{
    begin();
    CHECK_STR(ask("M1000,3:010203"), "OK");
    CHECK_STR(ask("m1000,4"), "01020300");
    CHECK_STR(raw("X1001,2:a}\x03", 11), "+$OK#9a"); /* '}' and the character it escapes */
    CHECK_STR(ask("m1000,4"), "01612300");
    CHECK_STR(ask("X1000,0:"), "OK");
    CHECK_STR(ask("X1000,9:ab"), "E22");
    CHECK_STR(ask("M1000,4:0102"), "E22");
    CHECK_STR(ask("m1000"), "E22");
    end();
}

TEST(reading_stops_where_memory_ends)
{
    begin();
    CHECK_STR(ask("m0,4"), "E14");
    const char *got = ask("m2ff0,20"); /* 16 bytes are left of the RAM */
    CHECK_EQ(strlen(got), 32);
    end();
}

/* ---- points */

TEST(points_are_put_once_and_taken_out)
{
    begin();
    CHECK_STR(ask("Z0,1004,4"), "OK");
    CHECK_STR(ask("Z0,1004,4"), "OK");
    CHECK_STR(ask("Z2,2000,8"), "OK");
    CHECK_EQ(t.fake.breakpoints, 1);
    CHECK_EQ(t.fake.watchpoints, 1);
    CHECK_STR(ask("z0,1004,4"), "OK");
    CHECK_EQ(t.fake.breakpoints, 1); /* it was put twice */
    CHECK_STR(ask("z0,1004,4"), "OK");
    CHECK_EQ(t.fake.breakpoints, 0);
    CHECK_STR(ask("z0,1004,4"), "E22");
    t.fake.lacks = ACCEL_CAN_WATCH;
    CHECK_STR(ask("Z2,2000,8"), ""); /* there are none of that kind */
    CHECK_STR(ask("Z0,1004,4"), "OK");
    t.fake.lacks = 0;
    CHECK_STR(ask("Z5,0,4"), "");
    CHECK_STR(ask("Z2,2000,0"), "E22");
    CHECK_STR(ask("Z1,2000"), "E22");
    t.peer.reader.event(t.peer.reader.opaque, STREAM_CLOSED);
    CHECK_EQ(t.fake.watchpoints, 0);
    end();
}

/* ---- running */

TEST(continue_answers_when_the_machine_stops_and_says_why)
{
    begin();
    ask("qSupported:swbreak+;hwbreak+");
    ask("Z0,1004,4");
    CHECK_STR(raw("c", 1), "+");
    CHECK_EQ(t.fake.control.state, RUN_RUNNING);
    strbuf_clear(&t.peer.out);
    t.fake.cpus[1]->pc = 0x1004;
    fake_machine_stop(&t.fake, 1);
    CHECK_STR(heard(), "T05thread:02;swbreak:;");
    CHECK_STR(ask("qC"), "QC02");
    end();
}

TEST(watchpoint_hit_is_told_with_its_address)
{
    begin();
    ask("Z2,2000,8");
    raw("vCont;c", 7);
    strbuf_clear(&t.peer.out);
    t.fake.watch_hit = 0x2004;
    fake_machine_stop(&t.fake, 0);
    CHECK_STR(heard(), "T05thread:01;watch:2004;");
    end();
}

TEST(of_several_watchpoints_the_one_that_was_met_is_told)
{
    begin();
    ask("Z2,2000,8");
    ask("Z3,2000,8");
    raw("vCont;c", 7);
    strbuf_clear(&t.peer.out);
    t.fake.watch_hit = 0x2000;
    t.fake.watch_kind = WATCH_READ;
    fake_machine_stop(&t.fake, 0);
    CHECK_STR(heard(), "T05thread:01;rwatch:2000;");
    end();
}

TEST(interrupt_character_stops_a_running_machine)
{
    begin();
    raw("c", 1);
    strbuf_clear(&t.peer.out);
    type_bytes("\003", 1);
    CHECK_EQ(t.fake.control.state, RUN_PAUSED);
    CHECK_STR(heard(), "T02thread:01;");
    end();
}

TEST(step_runs_the_vcpu_that_was_named)
{
    begin();
    CHECK_STR(raw("vCont;s:2;c", 11), "+");
    CHECK(t.fake.stepped == (struct vcpu *)t.fake.cpus[1]);
    CHECK_EQ(t.fake.frozen, 0);
    strbuf_clear(&t.peer.out);
    fake_machine_stop(&t.fake, 1);
    CHECK_STR(heard(), "T05thread:02;");
    CHECK_STR(ask("vCont?"), "vCont;c;C;s;S;t;r");
    CHECK_STR(ask("vCont;x"), "");
    CHECK_STR(ask("vCont;s:9"), "E22");
    end();
}

TEST(vcpus_that_vcont_does_not_name_stand_still)
{
    begin();
    raw("vCont;s:2", 9);
    CHECK(t.fake.stepped == (struct vcpu *)t.fake.cpus[1]);
    CHECK_EQ(t.fake.frozen, 1);
    strbuf_clear(&t.peer.out);
    fake_machine_stop(&t.fake, 1);
    CHECK_STR(heard(), "T05thread:02;");
    CHECK_EQ(t.fake.frozen, 0); /* the monitor may let it go on */
    raw("vCont;c:1", 9);
    CHECK_EQ(t.fake.control.state, RUN_RUNNING);
    CHECK_EQ(t.fake.frozen, 2);
    strbuf_clear(&t.peer.out);
    type_bytes("\003", 1);
    CHECK_EQ(t.fake.frozen, 0);
    CHECK_STR(ask("vCont;t"), "E22"); /* then nothing would run */
    CHECK_EQ(t.fake.frozen, 0);
    end();
}

TEST(range_step_goes_on_while_inside)
{
    begin();
    t.fake.cpus[0]->pc = 0x1000;
    raw("vCont;r1000,100c:1", 18);
    strbuf_clear(&t.peer.out);
    for (int i = 1; i <= 2; i++) {
        t.fake.cpus[0]->pc += 4;
        fake_machine_stop(&t.fake, 0);
        CHECK_STR(heard(), "");
        CHECK_EQ(t.fake.steps, 1 + i);
    }
    t.fake.cpus[0]->pc = 0x100c;
    fake_machine_stop(&t.fake, 0);
    CHECK_STR(heard(), "T05thread:01;");
    end();
}

TEST(power_off_of_the_guest_is_told)
{
    begin();
    raw("c", 1);
    strbuf_clear(&t.peer.out);
    t.fake.control.stop(&t.fake.control, RUN_SHUTDOWN);
    CHECK_STR(heard(), "T03thread:01;");
    strbuf_clear(&t.peer.out);
    end();
}

TEST(detaching_takes_points_out_and_lets_the_machine_run)
{
    begin();
    ask("Z1,1000,4");
    CHECK_STR(ask("D"), "OK");
    CHECK_EQ(t.fake.breakpoints, 0);
    CHECK_EQ(t.fake.control.state, RUN_RUNNING);
    type_bytes("+", 1);
    t.peer.reader.event(t.peer.reader.opaque, STREAM_CLOSED);
    CHECK_EQ(t.fake.control.state, RUN_RUNNING);
    end();
}

static void hang_up(void)
{
    t.peer.reader.event(t.peer.reader.opaque, STREAM_CLOSED);
}

TEST(a_peer_that_goes_lets_the_machine_run_that_it_stopped)
{
    begin(); /* it ran */
    ask("Z1,1000,4");
    hang_up();
    CHECK_EQ(t.fake.control.state, RUN_RUNNING);
    CHECK_EQ(t.fake.breakpoints, 0);
    t.peer.reader.event(t.peer.reader.opaque, STREAM_OPENED);
    CHECK_EQ(t.fake.control.state, RUN_PAUSED);
    raw("vCont;c:1", 9);
    CHECK_EQ(t.fake.frozen, 2);
    hang_up();
    CHECK_EQ(t.fake.control.state, RUN_RUNNING);
    CHECK_EQ(t.fake.frozen, 0);
    t.peer.reader.event(t.peer.reader.opaque, STREAM_OPENED);
    raw("c", 1);
    fake_machine_stop(&t.fake, 0);
    hang_up();
    CHECK_EQ(t.fake.control.state, RUN_RUNNING);
    end();
}

TEST(a_peer_that_goes_leaves_alone_what_others_stopped)
{
    begin();
    hang_up();
    t.fake.control.stop(&t.fake.control, RUN_PAUSED);
    t.peer.reader.event(t.peer.reader.opaque, STREAM_OPENED); /* as with -S */
    raw("s", 1);
    fake_machine_stop(&t.fake, 0);
    hang_up();
    CHECK_EQ(t.fake.control.state, RUN_DEBUG);
    t.peer.reader.event(t.peer.reader.opaque, STREAM_OPENED);
    raw("c", 1);
    t.fake.control.stop(&t.fake.control, RUN_PAUSED); /* the monitor */
    hang_up();
    CHECK_EQ(t.fake.control.state, RUN_PAUSED);
    t.peer.reader.event(t.peer.reader.opaque, STREAM_OPENED);
    raw("c", 1);
    t.fake.control.stop(&t.fake.control, RUN_SHUTDOWN);
    hang_up();
    CHECK_EQ(t.fake.control.state, RUN_SHUTDOWN);
    end();
}

TEST(threads_have_their_process_in_front_if_gdb_understands_that)
{
    begin();
    ask("qSupported:multiprocess+");
    CHECK_STR(ask("?"), "T05thread:p01.01;");
    CHECK_STR(ask("qC"), "QCp01.01");
    CHECK_STR(ask("qfThreadInfo"), "mp01.01,p01.02");
    CHECK_STR(ask("Hgp1.2"), "OK");
    CHECK_STR(ask("qC"), "QCp01.02");
    CHECK_STR(ask("Hgp0.0"), "OK");
    CHECK_STR(ask("Hgp-1.-1"), "OK");
    CHECK_STR(ask("Hcp1"), "OK");
    CHECK_STR(ask("Hgp2.1"), "E22");
    CHECK_STR(ask("Tp1.2"), "OK");
    CHECK_STR(ask("Tp1.3"), "E22");
    CHECK_STR(ask("vAttach;1"), "T05thread:p01.02;");
    CHECK_STR(ask("vAttach;2"), "E22");
    CHECK_STR(ask("D;2"), "E22");
    CHECK_EQ(t.fake.control.state, RUN_PAUSED);
    CHECK_STR(ask("D;1"), "OK");
    CHECK_EQ(t.fake.control.state, RUN_RUNNING);
    end();
}

TEST(steps_are_masked_as_qemu_sstep_says)
{
    begin();
    CHECK_STR(ask("qqemu.Supported"), "sstepbits;sstep;PhyMemMode");
    CHECK_STR(ask("qqemu.sstepbits"), "ENABLE=1,NOIRQ=2,NOTIMER=4");
    CHECK_STR(ask("qqemu.sstep"), "0x7");
    raw("s", 1);
    CHECK(t.fake.step_masked && t.fake.control.step_without_time);
    fake_machine_stop(&t.fake, 0);
    CHECK_STR(ask("Qqemu.sstep=1"), "OK");
    CHECK_STR(ask("qqemu.sstep"), "0x1");
    raw("s", 1);
    CHECK(!t.fake.step_masked && !t.fake.control.step_without_time);
    fake_machine_stop(&t.fake, 0);
    CHECK_STR(ask("Qqemu.sstep=8"), "E22");
    CHECK_STR(ask("qqemu.sstep"), "0x1");
    end();
}

TEST(a_detached_peer_may_come_back)
{
    begin();
    ask("D");
    CHECK_STR(ask("?"), "T05thread:01;");
    CHECK_EQ(t.fake.control.state, RUN_PAUSED);
    t.peer.reader.event(t.peer.reader.opaque, STREAM_CLOSED);
    end();
}

TEST(kill_ends_the_emulator)
{
    begin();
    raw("k", 1);
    CHECK_EQ(t.fake.quits, 1);
    CHECK_STR(ask("vKill;1"), "OK");
    CHECK_EQ(t.fake.quits, 2);
    end();
}

/* ---- calls that gdb does */

static struct {
    int64_t result;
    int error;
    unsigned done;
} answer;

static void call_done(void *opaque, int64_t result, int error)
{
    (void)opaque;
    answer.result = result;
    answer.error = error;
    answer.done++;
}

/* vCPU cpu asks, as its thread does while the machine runs. */
static bool guest_asks(unsigned cpu, const char *text)
{
    const struct gdb_call c = {.v = t.fake.vcpus[cpu], .text = text, .done = call_done};
    strbuf_clear(&t.peer.out);
    memset(&answer, 0, sizeof(answer));
    return gdb_ask(t.gdb, &c);
}

TEST(gdb_does_a_call_while_the_machine_stands)
{
    begin();
    raw("c", 1);
    CHECK(guest_asks(1, "write,1,1000/5"));
    CHECK_STR(heard(), "Fwrite,1,1000/5");
    CHECK_EQ(t.fake.control.state, RUN_PAUSED);
    CHECK_STR(ask("m1000,2"), "0000");
    CHECK_STR(raw("F5", 2), "+");
    CHECK_EQ(answer.result, 5);
    CHECK_EQ(answer.error, 0);
    CHECK_EQ(t.fake.control.state, RUN_RUNNING);
    CHECK(guest_asks(0, "open,1000/5,0,1a4"));
    CHECK_STR(raw("F-1,2", 5), "+");
    CHECK_EQ(answer.result, -1);
    CHECK_EQ(answer.error, 2);
    CHECK(guest_asks(0, "read,0,1000,1"));
    CHECK_STR(ask("F-1,4,C"), "T02thread:01;"); /* the user has interrupted it */
    CHECK_EQ(answer.error, 4);
    CHECK_EQ(t.fake.control.state, RUN_PAUSED);
    CHECK_STR(ask("F0"), "");
    end();
}

TEST(two_vcpus_may_want_a_call_at_once)
{
    begin();
    raw("vCont;c:1", 9); /* and the other one is frozen when gdb is at it, too */
    CHECK(guest_asks(0, "isatty,1"));
    CHECK(guest_asks(1, "isatty,2"));
    CHECK_STR(heard(), ""); /* nothing before the first is done */
    CHECK_STR(ask("F1"), "Fisatty,2");
    CHECK_EQ(t.fake.frozen, 2);
    raw("F0", 2);
    CHECK_EQ(t.fake.control.state, RUN_RUNNING);
    CHECK_EQ(t.fake.frozen, 2);
    end();
}

TEST(a_step_that_makes_a_call_ends_behind_it)
{
    begin();
    raw("vCont;s:2", 9);
    CHECK(guest_asks(1, "isatty,1"));
    CHECK_STR(heard(), "Fisatty,1");
    CHECK_STR(ask("F1"), "T05thread:02;");
    raw("vCont;s:2;c:1", 13);
    CHECK(guest_asks(0, "isatty,1")); /* the other vCPU's: the step is still to be made */
    CHECK_EQ(t.fake.steps, 2);
    CHECK_STR(raw("F1", 2), "+");
    CHECK_EQ(t.fake.steps, 3);
    end();
}

TEST(a_call_that_comes_too_late_waits_until_gdb_goes_on)
{
    begin();
    raw("c", 1);
    fake_machine_stop(&t.fake, 0);
    CHECK(guest_asks(1, "isatty,1"));
    CHECK_STR(heard(), "");
    CHECK_STR(ask("c"), "Fisatty,1");
    raw("F1", 2);
    CHECK_EQ(answer.done, 1);
    CHECK_EQ(t.fake.control.state, RUN_RUNNING);
    end();
}

TEST(calls_are_lost_with_their_peer)
{
    begin();
    raw("c", 1);
    CHECK(guest_asks(1, "isatty,1"));
    hang_up();
    CHECK_EQ(answer.done, 1);
    CHECK_EQ(answer.result, -1);
    CHECK_EQ(t.fake.control.state, RUN_RUNNING);
    CHECK(!guest_asks(1, "isatty,1"));
    end();
}

/* ---- queries */

TEST(threads_are_the_vcpus)
{
    begin();
    CHECK_STR(ask("qfThreadInfo"), "m01,02");
    CHECK_STR(ask("qsThreadInfo"), "l");
    CHECK_STR(ask("T2"), "OK");
    CHECK_STR(ask("T3"), "E22");
    CHECK_STR(ask("Hg2"), "OK");
    t.fake.cpus[1]->x[0] = 5;
    CHECK_STR(ask("p0"), "0500000000000000");
    CHECK_STR(ask("Hc-1"), "OK");
    CHECK_STR(ask("Hx1"), "E22");
    CHECK_STR(ask("qThreadExtraInfo,2"), "4350552331205b72756e6e696e675d"); /* CPU#1 [running] */
    t.fake.cpus[1]->v.powered_off = true;
    CHECK_STR(ask("qThreadExtraInfo,2"), "4350552331205b68616c746564205d"); /* CPU#1 [halted ] */
    end();
}

TEST(features_are_offered_as_gdb_supports_them)
{
    begin();
    CHECK_STR(
        ask("qSupported:multiprocess+;swbreak+"),
        "PacketSize=10000;qXfer:features:read+;QStartNoAckMode+;vContSupported+;multiprocess+;"
        "swbreak+");
    CHECK_STR(ask("qAttached"), "1");
    CHECK_STR(ask("qCRC:1000,4"), "");
    CHECK_STR(ask("!"), "OK");
    end();
}

TEST(monitor_commands_answer_in_text)
{
    begin();
    const char *got = raw("qRcmd,696e666f20737461747573", 28); /* info status */
    CHECK_STR(got, "+$O564d207374617475733a207061757365640a#31$OK#9a");
    CHECK_STR(ask("qRcmd,"), "E22");
    CHECK_STR(ask("qRcmd,6"), "E22");
    end();
}

/* ---- a class of the other byte order */

TEST(registers_of_a_big_endian_guest_begin_with_their_high_bytes)
{
    struct cpu_class big = fake_class;
    big.big_endian = true;
    big.gdb_types = (const struct gdb_type[]){{"fake_flags", "<flags id=\"fake_flags\"/>"},
                                              {NULL, NULL}};
    begin();
    t.fake.cpus[0]->v.cls = &big;
    t.fake.cpus[0]->x[1] = 0x1122334455667788;
    t.fake.cpus[0]->pc = 0xabc;
    CHECK_STR(ask("p1"), "1122334455667788");
    CHECK_STR(ask("p2"), "0000000000000abc");
    CHECK_STR(ask("P1=00000000000000ff"), "OK");
    CHECK_EQ(t.fake.cpus[0]->x[1], 0xff);
    CHECK_STR(ask("P2=0000000000001234"), "OK");
    CHECK_EQ(t.fake.cpus[0]->pc, 0x1234);
    CHECK_STR(ask("P3=00000081"), "OK");
    CHECK_EQ(t.fake.cpus[0]->inverted_flags, ~0x81u);
    CHECK(strstr(ask("qXfer:features:read:target.xml:0,ffff"), "<flags id=\"fake_flags\"/>"));
    end();
}
