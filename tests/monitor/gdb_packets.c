/* SPDX-License-Identifier: MIT */
/*
 * gdb's packets, one after the other, to this program and to QEMU 10: the answers are the same, or
 * the table says what ours is and why.
 */
#include "tests/monitor/session.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/strbuf.h"

struct row {
    const char *packet;
    const char *ours; /* NULL: as QEMU's; else how it begins */
    const char *why;
};

#define OFFERS                                                                                     \
    "PacketSize=10000;qXfer:features:read+;QStartNoAckMode+;vContSupported+;multiprocess+;"        \
    "swbreak+;hwbreak+"
#define STRICT "what cannot be read, or is not there, is an error"

static const struct row rows[] = {
    {"qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+", OFFERS,
     "larger packets, no acknowledgements, and stops that say why they are"},
    {"!", NULL, NULL},
    {"?", NULL, NULL},
    {"vMustReplyEmpty", NULL, NULL},
    /* threads */
    {"Hg0", NULL, NULL},
    {"Hgp0.0", NULL, NULL},
    {"Hgp1.1", NULL, NULL},
    {"Hgp1.2", NULL, NULL},
    {"Hgp2.1", NULL, NULL},
    {"Hg3", NULL, NULL},
    {"Hg-1", NULL, NULL},
    {"Hc-1", NULL, NULL},
    {"Hc0", NULL, NULL},
    {"Hc3", NULL, NULL},
    {"Hx0", NULL, NULL},
    {"H", NULL, NULL},
    {"Hgp1.1", NULL, NULL},
    {"qC", NULL, NULL},
    {"qAttached", NULL, NULL},
    {"qAttached:1", NULL, NULL},
    {"qfThreadInfo", "mp01.01,p01.02", "all threads in one answer"},
    {"qsThreadInfo", "l", "all threads in one answer"},
    {"qThreadExtraInfo,1", NULL, NULL},
    {"qThreadExtraInfo,p1.2", NULL, NULL},
    {"qThreadExtraInfo,p01.01", NULL, NULL},
    {"T1", NULL, NULL},
    {"T3", NULL, NULL},
    {"Tp1.2", NULL, NULL},
    {"Tp1.3", NULL, NULL},
    {"T0", NULL, NULL},
    {"T", NULL, NULL},
    {"vAttach;1", NULL, NULL},
    {"vAttach;2", NULL, NULL},
    /* what is not there */
    {"qTStatus", NULL, NULL},
    {"qOffsets", NULL, NULL},
    {"qSymbol::", NULL, NULL},
    {"qXfer:memory-map:read::0,ffb", NULL, NULL},
    {"qXfer:auxv:read::0,10", NULL, NULL},
    {"qGDBServerVersion", NULL, NULL},
    {"qP0000001f0000000000000001", NULL, NULL},
    {"qCRC:40200000,10", NULL, NULL},
    {"qSearch:memory:40200000;10;aa", NULL, NULL},
    {"vRun;", NULL, NULL},
    {"vFile:setfs:0", NULL, NULL},
    {"vFlashErase:0,1000", NULL, NULL},
    {"vCtrlC", NULL, NULL},
    {"vStopped", NULL, NULL},
    {"R00", NULL, NULL},
    {"r", NULL, NULL},
    {"i", NULL, NULL},
    {"t40080000:1,2", NULL, NULL},
    {"d", NULL, NULL},
    {"A", NULL, NULL},
    {"B40080000,S", NULL, NULL},
    {"QPassSignals:e;10", NULL, NULL},
    {"QNonStop:0", NULL, NULL},
    {"QNonStop:1", NULL, NULL},
    {"QThreadEvents:1", NULL, NULL},
    {"QCatchSyscalls:0", NULL, NULL},
    /* QEMU's own */
    {"qqemu.sstepbits", NULL, NULL},
    {"qqemu.sstep", NULL, NULL},
    {"Qqemu.sstep=1", NULL, NULL},
    {"qqemu.sstep", NULL, NULL},
    {"Qqemu.sstep=8", NULL, NULL},
    {"Qqemu.sstep=7", NULL, NULL},
    {"qqemu.sstep", NULL, NULL},
    {"qqemu.Supported", NULL, NULL},
    {"Qqemu.PhyMemMode:1", NULL, NULL},
    {"qqemu.PhyMemMode", NULL, NULL},
    {"Qqemu.PhyMemMode:0", NULL, NULL},
    {"qqemu.PhyMemMode", NULL, NULL},
    /* registers */
    {"P0=1122334455667788", NULL, NULL},
    {"p0", NULL, NULL},
    {"P1f=0000300000000000", NULL, NULL},
    {"p1f", NULL, NULL},
    {"p20", NULL, NULL},
    {"P21=c5030000", NULL, NULL},
    {"p21", NULL, NULL},
    {"P22=0102030405060708090a0b0c0d0e0f10", NULL, NULL},
    {"p22", NULL, NULL},
    {"p41", NULL, NULL},
    {"p42", NULL, NULL},
    {"p43", NULL, NULL},
    {"g", NULL, NULL},
    {"pffff", NULL, NULL},
    {"p", NULL, NULL},
    {"P1=11", "E22", STRICT},
    {"Pffff=00", "E22", STRICT},
    /* memory */
    {"m40200000,10", NULL, NULL},
    {"m40200000,0", NULL, NULL},
    {"mfff0000000,4", NULL, NULL},
    {"m40200000", NULL, NULL},
    {"m9000fe0,8", NULL, NULL},
    {"M40700000,4:01020304", NULL, NULL},
    {"m40700000,4", NULL, NULL},
    {"M40700000,4:010203", NULL, NULL},
    {"M0,4:01020304", NULL, NULL},
    {"m0,4", NULL, NULL},
    {"Mfff0000000,1:00", NULL, NULL},
    {"X40700000,0:", "OK", "QEMU 10.0 does not know X"},
    {"X40700000,4:abcd", "OK", "QEMU 10.0 does not know X"},
    {"M40700000,4:61626364", NULL, NULL},
    {"m40700000,4", NULL, NULL},
    /* points: as often out as in */
    {"Z0,40200000,4", NULL, NULL},
    {"Z0,40200000,4", NULL, NULL},
    {"z0,40200000,4", NULL, NULL},
    {"z0,40200000,4", NULL, NULL},
    {"z0,40200000,4", NULL, NULL},
    {"Z1,40200000,4", NULL, NULL},
    {"z1,40200000,4", NULL, NULL},
    {"z1,40200000,4", NULL, NULL},
    {"Z2,40700000,4", NULL, NULL},
    {"Z2,40700000,4", NULL, NULL},
    {"z2,40700000,4", NULL, NULL},
    {"z2,40700000,4", NULL, NULL},
    {"z2,40700000,4", NULL, NULL},
    {"Z3,40700000,8", NULL, NULL},
    {"z3,40700000,8", NULL, NULL},
    {"Z4,40700000,1000", NULL, NULL},
    {"z4,40700000,1000", NULL, NULL},
    {"Z2,40700001,3", NULL, NULL},
    {"z2,40700001,3", NULL, NULL},
    {"Z5,0,4", NULL, NULL},
    {"Z0", NULL, NULL},
    {"Z0,", NULL, NULL},
    {"Z0,40200000", NULL, NULL},
    /* running */
    {"vCont?", "vCont;c;C;s;S;t;r", "steps within a range, and vCPUs that stand"},
    {"vCont;", NULL, NULL},
    {"vCont;x", NULL, NULL},
    {"vCont;c:9", NULL, NULL},
    {"s", NULL, NULL},
    {"p20", NULL, NULL},
    {"vCont;s:p1.1", NULL, NULL},
    {"vCont;s", NULL, NULL},
    {"vCont;S05:1", NULL, NULL},
    {"p20", NULL, NULL},
    {"Z0,40200018,4", NULL, NULL},
    {"vCont;c", "T05thread:p01.01;swbreak:;", "the reason, if gdb understands that"},
    {"p20", NULL, NULL},
    {"z0,40200018,4", NULL, NULL},
    {"qRcmd,", NULL, NULL},
    {"qRcmd,6", "E22", STRICT},
};

/* ---- two emulators, and a peer of each */

struct emulator {
    pid_t pid;
    int fd;
    char path[100];
};

static void start(struct emulator *e, const char *program, const char *name)
{
    char backend[160];
    snprintf(e->path, sizeof(e->path), "%s/%s", session_folder(), name);
    snprintf(backend, sizeof(backend), "unix:%s,server=on,wait=off", e->path);
    const char *kernel = session_guest("busy");
    e->pid = fork();
    if (e->pid == 0) {
        const int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        execl(program, program, "-M", "virt", "-cpu", "cortex-a57", "-smp", "2", "-nic", "none",
              "-display", "none", "-serial", "null", "-monitor", "none", "-S", "-kernel", kernel,
              "-gdb", backend, (char *)NULL);
        _exit(127);
    }
}

static bool connect_to(struct emulator *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", e->path);
    e->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    for (int i = 0; i < 20000; i++) { /* it may not be there yet */
        if (connect(e->fd, (const struct sockaddr *)&a, sizeof(a)) == 0) {
            return true;
        }
        usleep(1000);
    }
    return false;
}

static void stop(struct emulator *e)
{
    close(e->fd);
    kill(e->pid, SIGKILL);
    waitpid(e->pid, NULL, 0);
}

/* The next packet, without what is around it; NULL: the other side has gone, or says nothing. */
static char *receive(struct emulator *e)
{
    struct strbuf s = {0};
    struct pollfd p = {.fd = e->fd, .events = POLLIN};
    char c;
    while (!(s.len > 3 && s.text[s.len - 3] == '#')) {
        if (poll(&p, 1, 20000) <= 0 || read(e->fd, &c, 1) != 1) {
            strbuf_free(&s);
            return NULL;
        }
        if (s.len || c == '$') {
            strbuf_putc(&s, c);
        }
    }
    CHECK(send(e->fd, "+", 1, MSG_NOSIGNAL) == 1);
    s.text[s.len - 3] = '\0';
    char *text = mem_strdup(s.text + 1);
    strbuf_free(&s);
    return text;
}

static char *ask(struct emulator *e, const char *data)
{
    struct strbuf s = {0};
    unsigned sum = 0;
    for (const char *p = data; *p; p++) {
        sum += (unsigned char)*p;
    }
    strbuf_printf(&s, "$%s#%02x", data, sum & 0xff);
    const bool sent = send(e->fd, s.text, s.len, MSG_NOSIGNAL) == (ssize_t)s.len;
    strbuf_free(&s);
    return sent ? receive(e) : NULL;
}

static bool compare(const struct row *r, const char *theirs, const char *ours)
{
    if (!theirs || !ours) {
        CHECK_MSG(false, "%s: no answer of %s", r->packet, ours ? "QEMU" : "ours");
        return false;
    }
    if (!r->why) {
        CHECK_MSG(strcmp(theirs, ours) == 0, "%s: QEMU says %.80s, ours is %.80s", r->packet,
                  theirs, ours);
    } else {
        CHECK_MSG(strcmp(theirs, r->ours) != 0, "%s: QEMU says so too", r->packet);
        CHECK_MSG(strcmp(ours, r->ours) == 0, "%s: %.60s, not %s", r->packet, ours, r->ours);
    }
    return true;
}

TEST(packets_are_answered_as_qemu_answers_them)
{
    char qemu[8192];
    const char *cache = getenv("DRAGOMAN_CACHE"), *build = getenv("BUILD");
    struct emulator theirs, ours;
    NEEDS_PROGRAM();
    snprintf(qemu, sizeof(qemu), "%s%s/qemu10/bin/qemu-system-aarch64",
             cache   ? cache
             : build ? build
                     : "build",
             cache ? "" : "/cache");
    if (access(qemu, X_OK) != 0) {
        SKIP("QEMU 10 is not there (make oracle)");
    }
    start(&theirs, qemu, "theirs");
    start(&ours, session_program(), "ours");
    bool good = connect_to(&theirs) && connect_to(&ours);
    CHECK(good);
    for (size_t i = 0; i < array_len(rows) && good; i++) {
        char *a = ask(&theirs, rows[i].packet), *b = ask(&ours, rows[i].packet);
        good = compare(&rows[i], a, b);
        mem_free(a);
        mem_free(b);
    }
    stop(&theirs);
    stop(&ours);
}
