/* SPDX-License-Identifier: MIT */
/*
 * Hostile peers of gdb's remote protocol: random bytes, and packets made by changing good ones.
 * Whatever comes, the stub answers in well-formed packets and keeps to the guest's memory.
 */
#include "tests/test.h"

#include "base/mem.h"
#include "base/rng.h"
#include "monitor/gdb.h"
#include "monitor/gdb_packet.h"
#include "tests/unit/fake_machine.h"

static const char *const good[] = {
    "?",
    "g",
    "G0102030405060708",
    "p2",
    "P1=0102030405060708",
    "m1000,40",
    "M1000,4:01020304",
    "X1000,4:abcd",
    "Z0,1000,4",
    "z0,1000,4",
    "Z2,2000,8",
    "z2,2000,8",
    "Z4,2ff8,10",
    "c",
    "s",
    "C05",
    "S05;1000",
    "vCont?",
    "vCont;c",
    "vCont;s:1;c",
    "vCont;r1000,1010:2",
    "vCont;S05:2;c:1",
    "Hg1",
    "Hc-1",
    "T2",
    "D",
    "D;1",
    "!",
    "vAttach;1",
    "Hgp1.2",
    "Tp1.-1",
    "vCont;s:p1.2;c:p1.-1",
    "qqemu.sstep",
    "Qqemu.sstep=3",
    "qqemu.sstepbits",
    "qqemu.Supported",
    "k",
    "qC",
    "qSupported:swbreak+;hwbreak+;multiprocess+",
    "qXfer:features:read:target.xml:0,fff",
    "qfThreadInfo",
    "qsThreadInfo",
    "qThreadExtraInfo,1",
    "qRcmd,696e666f20726567697374657273",
    "qRcmd,782f32697720307831303030",
    "Qqemu.PhyMemMode:1",
    "vKill;1",
    "F5",
    "F0",
    "F-1,2",
    "F-1,4,C",
};

static struct {
    struct stream stream;
    struct stream_reader reader;
    struct strbuf out;
    struct fake_machine fake;
    struct rng rng;
    struct gdb *gdb;
    unsigned asked, done;
} t;

static size_t take(struct stream *s, const uint8_t *bytes, size_t n)
{
    (void)s;
    strbuf_bytes(&t.out, bytes, n);
    return n;
}

static void set_reader(struct stream *s, const struct stream_reader *r)
{
    (void)s;
    if (r) {
        t.reader = *r;
    }
}

static void nothing(struct stream *s)
{
    (void)s;
}

static const struct stream_ops ops = {
    .write = take, .set_reader = set_reader, .more_room = nothing, .close = nothing};

/* Acknowledgements and whole packets, nothing else. */
static bool well_formed(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n) {
        if (p[i] == '+' || p[i] == '-') {
            i++;
            continue;
        }
        if (p[i++] != '$') {
            return false;
        }
        uint8_t sum = 0, told;
        while (i < n && p[i] != '#') {
            if (p[i] == '$') {
                return false;
            }
            sum += (uint8_t)p[i++];
        }
        if (i + 3 > n || !gdb_get_hex(p + i + 1, &told, 1) || told != sum) {
            return false;
        }
        i += 3;
    }
    return true;
}

/* A good packet with some bytes changed, cut or doubled; its length. */
static size_t mutate(char *out, size_t size)
{
    const char *from = good[rng_below(&t.rng, sizeof(good) / sizeof(good[0]))];
    size_t n = strlen(from);
    memcpy(out, from, n);
    unsigned changes = (unsigned)rng_below(&t.rng, 4);
    for (unsigned i = 0; i < changes && n > 0; i++) {
        size_t at = rng_below(&t.rng, n);
        switch (rng_below(&t.rng, 4)) {
        case 0:
            out[at] = (char)rng_u32(&t.rng);
            break;
        case 1:
            out[at] = "0f,;:#-"[rng_below(&t.rng, 7)];
            break;
        case 2:
            n = at;
            break;
        default:
            if (2 * n < size) {
                memcpy(out + n, out, n);
                n *= 2;
            }
        }
    }
    return n;
}

static void feed(const void *bytes, size_t n)
{
    const uint8_t *b = bytes;
    while (n) {
        size_t piece = 1 + rng_below(&t.rng, n);
        t.reader.read(t.reader.opaque, b, piece);
        b += piece;
        n -= piece;
    }
}

static void feed_packet(const char *data, size_t n)
{
    struct strbuf s = {0};
    uint8_t sum = 0;
    strbuf_putc(&s, '$');
    for (size_t i = 0; i < n; i++) {
        char c = data[i];
        if (c == '$' || c == '#' || c == '}') {
            strbuf_putc(&s, '}');
            sum += '}';
            c ^= 0x20;
        }
        strbuf_putc(&s, c);
        sum += (uint8_t)c;
    }
    strbuf_printf(&s, "#%02x", rng_below(&t.rng, 50) ? sum : sum + 1);
    feed(s.text, s.len);
    strbuf_free(&s);
}

/* The machine's side: what runs stops now and then, for any reason. */
static void machine_moves(void)
{
    static const enum run_state states[] = {RUN_PAUSED, RUN_SHUTDOWN, RUN_PANICKED};
    if (t.fake.control.state != RUN_RUNNING || rng_below(&t.rng, 2)) {
        return;
    }
    t.fake.watch_hit = rng_below(&t.rng, 4) ? 0 : 0x2000 + rng_below(&t.rng, 16);
    t.fake.watch_kind = (enum watch_kind)rng_below(&t.rng, 3);
    t.fake.cpus[0]->pc += rng_below(&t.rng, 8);
    if (rng_below(&t.rng, 4)) {
        fake_machine_stop(&t.fake, (unsigned)rng_below(&t.rng, 2));
    } else {
        t.fake.control.stop(&t.fake.control, states[rng_below(&t.rng, 3)]);
    }
}

static void call_done(void *opaque, int64_t result, int error)
{
    (void)opaque, (void)result, (void)error;
    t.done++;
}

/* The guest wants something that gdb does. */
static void guest_asks(void)
{
    const struct gdb_call c = {
        .v = t.fake.vcpus[rng_below(&t.rng, 2)], .text = "read,3,1000,10", .done = call_done};
    if (rng_below(&t.rng, 10) == 0) {
        t.asked += gdb_ask(t.gdb, &c);
    }
}

static struct gdb *begin(void)
{
    memset(&t, 0, sizeof(t));
    rng_seed(&t.rng, test_seed());
    fake_machine_init(&t.fake, 2);
    t.stream.ops = &ops;
    struct monitor_context c = {.control = &t.fake.control, .machine = &t.fake.machine};
    struct gdb *g = gdb_create(&c, &fake_guest, &t.stream);
    t.gdb = g;
    t.reader.event(t.reader.opaque, STREAM_OPENED);
    return g;
}

static void end(struct gdb *g)
{
    gdb_destroy(g, 0);
    CHECK_EQ(t.fake.breakpoints, 0);
    CHECK_EQ(t.fake.watchpoints, 0);
    CHECK_EQ(t.done, t.asked);
    strbuf_free(&t.out);
    fake_machine_free(&t.fake);
}

TEST(changed_packets_get_well_formed_answers)
{
    struct gdb *g = begin();
    char packet[4096];
    for (unsigned i = 0; i < 30000 * test_scale(); i++) {
        feed_packet(packet, mutate(packet, sizeof(packet)));
        machine_moves();
        guest_asks();
        if (rng_below(&t.rng, 500) == 0) {
            t.reader.event(t.reader.opaque, STREAM_CLOSED);
            t.reader.event(t.reader.opaque, STREAM_OPENED);
        }
        if (!well_formed(strbuf_text(&t.out), t.out.len)) {
            CHECK_MSG(false, "round %u: answer %.100s", i, strbuf_text(&t.out));
            break;
        }
        strbuf_clear(&t.out);
    }
    end(g);
}

TEST(random_bytes_get_well_formed_answers)
{
    struct gdb *g = begin();
    uint8_t bytes[512];
    for (unsigned i = 0; i < 5000 * test_scale(); i++) {
        size_t n = rng_below(&t.rng, sizeof(bytes));
        rng_bytes(&t.rng, bytes, n);
        if (n && rng_below(&t.rng, 2)) {
            bytes[0] = '$';
        }
        feed(bytes, n);
        machine_moves();
        if (!well_formed(strbuf_text(&t.out), t.out.len)) {
            CHECK_MSG(false, "round %u", i);
            break;
        }
        strbuf_clear(&t.out);
    }
    end(g);
}
