/* SPDX-License-Identifier: MIT */
/* gdb itself (gdb-multiarch, where the host has it) debugs a guest through the program. */
#include "tests/monitor/session.h"

static struct session s;
static char output[1 << 16];

static bool has_gdb(void)
{
    return system("command -v gdb-multiarch > /dev/null 2>&1") == 0;
}

/*
 * Starts the hello guest, halted before its first instruction, with more arguments, and runs gdb's
 * commands (each in single quotes) on it. What gdb says is in output.
 */
static bool debug(const char *const *more, const char *commands)
{
    char socket[120], backend[160], command[4096];
    const char *kernel = session_guest("hello");
    const char *argv[40] = {"-M",      "virt", "-nic", "none",    "-display", "none",
                            "-serial", "null", "-S",   "-kernel", kernel,     "-gdb"};
    int n = 12;
    snprintf(socket, sizeof(socket), "%s/gdb", session_folder());
    snprintf(backend, sizeof(backend), "unix:%s,server=on,wait=off", socket);
    argv[n++] = backend;
    while (more && *more) {
        argv[n++] = *more++;
    }
    session_start(&s, argv);
    for (int i = 0; i < 5000 && access(socket, F_OK) != 0; i++) {
        usleep(1000);
    }
    snprintf(command, sizeof(command),
             "timeout 60 gdb-multiarch -nx -batch -ex 'set confirm off' -ex 'set pagination off' "
             "-ex 'file %s' -ex 'target remote %s' %s 2>&1 < /dev/null",
             kernel, socket, commands);
    FILE *f = popen(command, "r");
    size_t got = fread(output, 1, sizeof(output) - 1, f);
    output[got] = '\0';
    pclose(f);
    return got > 0;
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
    REQUIRE(debug(NULL,
                  "-ex 'info registers system' -ex 'p $SCTLR_EL1 & 1' "
                  "-ex 'p $SP_EL1 == $sp' -ex 'p $VBAR_EL1 = 8' -ex 'p/x $VBAR_EL1' -ex kill"));
    saw("MIDR_EL1       0xf0440");
    saw("= 0\n$2 = 1\n");
    saw("Could not write register \"VBAR_EL1\"");
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
    saw("Thread 1 (CPU 0 running)");
    saw("Thread 2 (CPU 1 off)");
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
