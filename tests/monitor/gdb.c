/* SPDX-License-Identifier: MIT */
/* gdb itself (gdb-multiarch, where the host has it) debugs a guest through the program. */
#include "tests/monitor/session.h"

static struct session s;
static char output[1 << 16];

static bool has_gdb(void)
{
    return system("command -v gdb-multiarch > /dev/null 2>&1") == 0;
}

#include <sys/socket.h>
#include <sys/un.h>

/* Starts the guest, halted before its first instruction, with more arguments; where its stub is. */
static const char *start(const char *guest, const char *const *more)
{
    static char socket[120];
    char backend[160];
    const char *kernel = session_guest(guest);
    const char *argv[40] = {"-M",      "virt", "-nic", "none",    "-display", "none",
                            "-serial", "null", "-S",   "-kernel", kernel,     "-gdb"};
    int n = 12;
    snprintf(socket, sizeof(socket), "%s/gdb", session_folder());
    unlink(socket);
    snprintf(backend, sizeof(backend), "unix:%s,server=on,wait=off", socket);
    argv[n++] = backend;
    while (more && *more) {
        argv[n++] = *more++;
    }
    session_start(&s, argv);
    for (int i = 0; i < 5000 && access(socket, F_OK) != 0; i++) {
        usleep(1000);
    }
    return socket;
}

/* Runs gdb's commands (each in single quotes) on the guest. What gdb says is in output. */
static bool debug_guest(const char *guest, const char *const *more, const char *commands)
{
    char command[4096];
    const char *socket = start(guest, more);
    snprintf(command, sizeof(command),
             "timeout 60 gdb-multiarch -nx -batch -ex 'set confirm off' -ex 'set pagination off' "
             "-ex 'file %s' -ex 'target remote %s' %s 2>&1 < /dev/null",
             session_guest(guest), socket, commands);
    FILE *f = popen(command, "r");
    size_t got = fread(output, 1, sizeof(output) - 1, f);
    output[got] = '\0';
    pclose(f);
    return got > 0;
}

static bool debug(const char *const *more, const char *commands)
{
    return debug_guest("hello", more, commands);
}

static void saw(const char *text)
{
    size_t n = strlen(output);
    CHECK_MSG(strstr(output, text) != NULL, "no \"%s\" in: %s", text,
              output + (n > 200 ? n - 200 : 0));
}

#define NEEDS_GDB()                                                                                \
    do {                                                                                           \
        NEEDS_PROGRAM();                                                                           \
        if (!has_gdb()) {                                                                          \
            SKIP("gdb-multiarch is not installed");                                                \
        }                                                                                          \
    } while (0)

static void finish(void)
{
    CHECK_EQ(session_end(&s), 0);
    session_close(&s);
}

TEST(registers_memory_and_breakpoints)
{
    NEEDS_GDB();
    REQUIRE(debug(NULL,
                  "-ex 'p/x $pc' -ex 'break putc' -ex continue -ex 'p (char)$w0' -ex 'x/s $x20-1' "
                  "-ex 'p $v0.d.u' -ex 'p $cpsr' -ex 'set $x5 = 0x1234' -ex 'p/x $x5' "
                  "-ex 'set {int}0x40300000 = 77' -ex 'p *(int *)0x40300000' -ex kill"));
    saw("= 0x40200000");
    saw("Breakpoint 1, ");
    saw("= 13 '\\r'");
    saw("\\r\\nHello from");
    saw("= 0x1234");
    saw("= 77");
    finish();
}

TEST(system_registers_can_be_looked_at)
{
    NEEDS_GDB();
    REQUIRE(debug(NULL, "-ex 'info registers system' -ex 'p $SCTLR_EL1 & 1' "
                        "-ex 'p $SP_EL1 == $sp' -ex 'p $VBAR_EL1 = 8' -ex 'p/x $VBAR_EL1' "
                        "-ex 'printf \"named as in QEMU %d %d %d\\n\", $SCTLR == $SCTLR_EL1, "
                        "$ID_AA64MMFR0_EL1 != 0, $CNTFRQ_EL0 > 0' -ex kill"));
    saw("MIDR_EL1       0xf0510");
    saw("= 0\n$2 = 1\n");
    saw("Could not write register \"VBAR_EL1\"");
    saw("named as in QEMU 1 1 1");
    finish();
}

TEST(stepping_and_hardware_points)
{
    NEEDS_GDB();
    REQUIRE(debug(
        NULL,
        "-ex stepi -ex stepi -ex 'p/x $pc' -ex 'hbreak putc' -ex continue -ex 'delete' "
        "-ex 'watch *(int *)0x40300000' -ex 'rwatch *(char *)&greeting' -ex 'set $x20 = &greeting' "
        "-ex 'set $pc = puts' -ex continue -ex kill"));
    saw("= 0x40200008");
    saw("Breakpoint 1, ");
    saw("Hardware read watchpoint 3: ");
    finish();
}

TEST(vcpus_are_threads)
{
    NEEDS_GDB();
    static const char *const two[] = {"-smp", "2", NULL};
    REQUIRE(debug(two, "-ex 'info threads' -ex 'thread 2' -ex 'p/x $pc' -ex kill"));
    saw("Thread 1.1 (CPU#0 [running])");
    saw("Thread 1.2 (CPU#1 [halted ])");
    finish();
}

/* What the monitor on the terminal says of the machine. */
static void expect_status(const char *state)
{
    char text[60];
    snprintf(text, sizeof(text), "VM status: %s\r", state);
    session_type(&s, "info status\r");
    CHECK(session_expect(&s, text));
}

/* A debugger that is killed, or whose line breaks, is as one that says goodbye. */
TEST(machine_runs_on_when_its_debugger_goes)
{
    static const char *const monitor[] = {"-monitor", "stdio", NULL};
    NEEDS_GDB();
    REQUIRE(debug(monitor, "-ex 'break putc' -ex continue -ex detach"));
    expect_status("running");
    session_type(&s, "quit\r");
    finish();
    REQUIRE(debug(monitor, "-ex 'break putc' -ex continue -ex 'shell kill -9 $PPID'"));
    expect_status("running");
    session_type(&s, "quit\r");
    finish();
    REQUIRE(debug(monitor, "-ex 'break putc' -ex stepi -ex 'shell kill -9 $PPID'"));
    expect_status("paused (debug)"); /* -S, and never let go */
    session_type(&s, "quit\r");
    finish();
}

/* Another emulator's output is gdb's line. */
static bool debug_piped(const char *commands)
{
    char command[8192];
    const char *kernel = session_guest("hello");
    snprintf(command, sizeof(command),
             "timeout 60 gdb-multiarch -nx -batch -ex 'set confirm off' -ex 'file %s' "
             "-ex 'target remote | %s -M virt -nic none -display none -serial null -S -kernel %s "
             "-gdb stdio' %s 2>&1 < /dev/null",
             kernel, session_program(), kernel, commands);
    FILE *f = popen(command, "r");
    const size_t got = fread(output, 1, sizeof(output) - 1, f);
    output[got] = '\0';
    pclose(f);
    return got > 0;
}

TEST(gdb_starts_the_emulator_itself)
{
    NEEDS_GDB();
    REQUIRE(debug_piped("-ex 'break putc' -ex continue -ex 'p/x $pc' -ex kill"));
    saw("Breakpoint 1, ");
}

TEST(program_is_loaded_by_gdb)
{
    NEEDS_GDB();
    REQUIRE(debug(NULL,
                  "-ex 'set {int}0x40200000 = 0' -ex load -ex 'p/x $pc' -ex 'compare-sections' "
                  "-ex 'break putc' -ex continue -ex kill"));
    saw("Transfer rate: ");
    saw("Section .text, range 0x40200000 ");
    saw(": matched.");
    saw("= 0x40200000");
    saw("Breakpoint 1, ");
    finish();
}

/* Connects to the stub at path, and says whether it is there. */
static bool answers_at(const char *path)
{
    char command[300];
    snprintf(
        command, sizeof(command),
        "timeout 60 gdb-multiarch -nx -batch -ex 'target remote %s' -ex detach 2>&1 < /dev/null | "
        "grep -q 'detached\\]'",
        path);
    return system(command) == 0;
}

TEST(monitor_moves_the_debuggers_door)
{
    static const char *const monitor[] = {"-monitor", "stdio", NULL};
    char path[100], line[300];
    NEEDS_GDB();
    const char *first = start("hello", monitor);
    snprintf(path, sizeof(path), "%s/second", session_folder());
    snprintf(line, sizeof(line), "gdbserver unix:path=%s,server=on,wait=off\r", path);
    CHECK(answers_at(first));
    session_type(&s, line);
    CHECK(session_expect(&s, "Waiting for gdb connection on device 'unix:path="));
    CHECK(answers_at(path));
    CHECK(!answers_at(first));
    session_type(&s, "gdbserver none\r");
    CHECK(session_expect(&s, "Disabled gdbserver"));
    CHECK(!answers_at(path));
    session_type(&s, "gdbserver nowhere\r");
    CHECK(session_expect(&s, "-gdb nowhere: not a back end"));
    session_type(&s, "quit\r");
    finish();
}

TEST(monitor_command_and_detach)
{
    NEEDS_GDB();
    REQUIRE(debug(NULL, "-ex 'monitor info status' -ex 'monitor xp/1xw 0x40200000' -ex detach"));
    saw("VM status: paused");
    saw("0000000040200000: 0x");
    kill(s.pid, SIGTERM);
    finish();
}

/* ---- which vCPUs run */

/* "set scheduler-locking on": the others stand still. */
TEST(others_stand_still_or_run_as_gdb_says)
{
    NEEDS_GDB();
    static const char *const two[] = {"-smp", "2", NULL};
    REQUIRE(debug_guest(
        "busy", two,
        "-ex 'break loop' -ex continue -ex delete -ex 'set scheduler-locking on' -ex 'thread 2' "
        "-ex 'set $before = $x0' -ex 'thread 1' -ex 'set $own = $x0' -ex 'stepi 200' "
        "-ex 'printf \"own %d\\n\", $x0 - $own' -ex 'thread 2' "
        "-ex 'printf \"locked %d\\n\", $x0 - $before' -ex 'stepi 300' "
        "-ex 'printf \"alone %d\\n\", $x0 - $before > 0' -ex 'set $before = $x0' -ex 'thread 1' "
        "-ex 'set scheduler-locking off' -ex 'stepi 300' -ex 'thread 2' "
        "-ex 'printf \"free %d\\n\", $x0 - $before > 0' -ex kill"));
    saw("own 100\n");
    saw("locked 0\n");
    saw("alone 1\n");
    saw("free 1\n");
    finish();
}

/* Packets by hand. */
static int peer;

static void send_packet(const char *text)
{
    char packet[200];
    unsigned sum = 0;
    for (const char *p = text; *p; p++) {
        sum += (unsigned char)*p;
    }
    int n = snprintf(packet, sizeof(packet), "$%s#%02x", text, sum & 0xff);
    CHECK(write(peer, packet, (size_t)n) == n);
}

/* What comes within that time, without what is between packets; "" for nothing. */
static const char *receive_packet(int ms)
{
    static char text[8192];
    struct pollfd p = {.fd = peer, .events = POLLIN};
    const int64_t due = session_now_ms() + ms;
    size_t n = 0;
    text[0] = '\0';
    while (!(n > 3 && text[n - 3] == '#')) {
        const int64_t left = due - session_now_ms();
        if (left <= 0 || poll(&p, 1, (int)left) <= 0 || read(peer, text + n, 1) != 1) {
            return "";
        }
        n += n > 0 || text[0] == '$';
        text[n] = '\0';
    }
    CHECK(write(peer, "+", 1) == 1);
    text[n - 3] = '\0';
    return text + 1;
}

static bool connect_to(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool done = false;
    for (int i = 0; i < 5000 && !done; i++) { /* it may be bound, and not listen yet */
        done = connect(peer, (const struct sockaddr *)&a, sizeof(a)) == 0;
        usleep(done ? 0 : 1000);
    }
    return done;
}

/* The machine runs for a while, and nothing stops it but our wish. */
static void run_for(const char *packet, int ms)
{
    send_packet(packet);
    CHECK_STR(receive_packet(ms), "");
    CHECK(write(peer, "\003", 1) == 1);
    const char *why = receive_packet(5000);
    CHECK_MSG(strncmp(why, "T02", 3) == 0, "stopped by %s", why);
}

/* A sleeping vCPU makes its step when it wakes; a step that was taken back is not made later. */
static void step_sleeper(const char *const *options)
{
    REQUIRE(connect_to(start("busy", options)));
    run_for("c", 500);
    const char *why = "";
    for (int tries = 0; tries < 50; tries++) {
        send_packet("vCont;s:3");
        why = receive_packet(20);
        if (!*why) {
            CHECK(write(peer, "\003", 1) == 1);
            why = receive_packet(5000);
        }
        if (strcmp(why, "T05thread:03;") != 0) {
            break;
        }
        run_for("c", 20); /* it was awake just then: with an interrupt, perhaps, that steps hold */
    }
    CHECK_MSG(strncmp(why, "T02", 3) == 0, "stopped by %s", why);
    run_for("c", 500);
    send_packet("vCont;s:3;c");
    CHECK_STR(receive_packet(5000), "T05thread:03;");
    send_packet("vCont;s:3;c");
    CHECK_STR(receive_packet(5000), "T05thread:03;");
    send_packet("k");
    finish();
    close(peer);
}

TEST(sleeping_vcpu_steps_when_it_wakes)
{
    NEEDS_PROGRAM();
    step_sleeper((const char *const[]){"-smp", "3", NULL});
    step_sleeper((const char *const[]){"-smp", "3", "-accel", "tcg,thread=single", NULL});
}

/* ---- under the counted clock */

TEST(steps_and_breakpoints_with_the_counted_clock)
{
    static const char *const counted[] = {"-smp", "2", "-icount", "shift=1,sleep=off", NULL};
    NEEDS_GDB();
    REQUIRE(debug_guest("busy", counted,
                        "-ex 'break calls' -ex continue -ex 'set $before = $x0' -ex 'stepi 3' "
                        "-ex 'printf \"stepped %d\\n\", $x0 - $before' -ex continue -ex continue "
                        "-ex 'printf \"rounds %d\\n\", $x0 - $before' -ex 'delete' "
                        "-ex 'thread 1' -ex 'hbreak loop' -ex continue -ex 'set $before = $x0' "
                        "-ex continue -ex 'printf \"loops %d\\n\", $x0 - $before' -ex kill"));
    saw("stepped 1\n");
    saw("rounds 4\n");
    saw("loops 1\n");
    finish();
}

TEST(sleeping_vcpu_steps_when_it_wakes_by_the_counted_clock)
{
    NEEDS_PROGRAM();
    step_sleeper((const char *const[]){"-smp", "3", "-icount", "shift=1,sleep=on", NULL});
    step_sleeper((const char *const[]){"-smp", "3", "-icount", "shift=auto", NULL});
}
