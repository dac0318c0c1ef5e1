/* SPDX-License-Identifier: MIT */
/*
 * The program on a terminal: a guest's console, the escape keys, the monitor beside it, and the
 * end.
 */
#include "tests/monitor/session.h"

static struct session s;

/* A guest that greets and echoes in upper case, with these further arguments; true if it has
 * greeted. */
static bool start_hello(const char *const *more)
{
    return session_start_guest(&s, "hello", NULL, more, "ctrl-d powers off.");
}

static void finish(int status)
{
    CHECK_EQ(session_end(&s), status);
    CHECK(session_terminal_is_cooked(&s));
    session_close(&s);
}

TEST(console_is_on_the_terminal_and_power_off_ends_with_status_0)
{
    NEEDS_PROGRAM();
    REQUIRE(start_hello(ARGS("-nographic")));
    session_type(&s, "abc\r");
    CHECK(session_expect(&s, "ABC"));
    session_type(&s, "\x04");
    CHECK(session_expect(&s, "Powering off."));
    finish(0);
}

TEST(terminal_is_shared_without_nographic_too)
{
    NEEDS_PROGRAM();
    REQUIRE(start_hello(NULL));
    session_type(&s, "\001x");
    CHECK(session_expect(&s, "terminated"));
    finish(0);
}

TEST(escape_c_switches_to_the_monitor_and_back)
{
    NEEDS_PROGRAM();
    REQUIRE(start_hello(ARGS("-nographic")));
    session_type(&s, "\001c");
    CHECK(session_expect(&s, "(dragoman) "));
    session_type(&s, "info status\r");
    CHECK(session_expect(&s, "VM status: running"));
    session_type(&s, "stop\rinfo status\r");
    CHECK(session_expect(&s, "VM status: paused"));
    session_type(&s, "info registers\r");
    CHECK(session_expect(&s, "PC="));
    session_type(&s, "x/2i $pc\r");
    CHECK(session_expect(&s, "0x00000000402000"));
    session_type(&s, "xp/1xw 0x09000018\r");
    CHECK(session_expect(&s, "0000000009000018: 0x000000"));
    session_type(&s, "cont\r");
    CHECK(session_expect(&s, "(dragoman) "));
    session_type(&s, "\001cback\r");
    CHECK(session_expect(&s, "BACK"));
    session_type(&s, "\001cquit\r");
    finish(0);
}

TEST(reset_starts_the_guest_anew)
{
    NEEDS_PROGRAM();
    REQUIRE(start_hello(ARGS("-nographic")));
    session_type(&s, "\001csystem_reset\r");
    CHECK(session_expect(
        &s, "ctrl-d powers off.")); /* the greeting's end: its start meets the prompt */
    session_type(&s, "\001x");
    finish(0);
}

TEST(no_shutdown_keeps_the_machine_and_reset_revives_it)
{
    NEEDS_PROGRAM();
    REQUIRE(start_hello(ARGS("-nographic", "-no-shutdown")));
    session_type(&s, "\x04");
    CHECK(session_expect(&s, "Powering off."));
    session_type(&s, "\001c");
    CHECK(session_expect(&s, "(dragoman) "));
    bool running = true;
    for (int i = 0; i < 1000 && running; i++) {
        session_type(&s, "info status\r");
        REQUIRE(session_expect(&s, "VM status: ") && session_expect(&s, "(dragoman) "));
        running = strstr(s.before, "running") != NULL;
    }
    CHECK(strstr(s.before, "paused (shutdown)") != NULL);
    session_type(&s, "cont\r");
    CHECK(session_expect(&s, "the guest has powered off; system_reset starts it anew"));
    session_type(&s, "system_reset\rcont\r");
    CHECK(session_expect(&s, "ctrl-d powers off."));
    session_type(&s, "quit\r");
    finish(0);
}

TEST(machine_with_S_waits_for_cont)
{
    NEEDS_PROGRAM();
    const char *kernel = session_guest("hello");
    REQUIRE(kernel);
    session_start(&s, ARGS("-M", "virt", "-nic", "none", "-S", "-serial", "null", "-monitor",
                           "stdio", "-kernel", kernel));
    CHECK(session_expect(&s, "(dragoman) "));
    session_type(&s, "info status\r");
    CHECK(session_expect(&s, "VM status: paused"));
    session_type(&s, "info cpus\r");
    CHECK(session_expect(&s, "CPU #0: pc=0x0000000040200000"));
    session_type(&s, "cont\rinfo status\r");
    CHECK(session_expect(&s, "VM status: running"));
    session_type(&s, "q\r");
    finish(0);
}

TEST(signals_end_in_order_and_give_the_terminal_back)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    NEEDS_PROGRAM();
    for (int i = 0; i < 3; i++) {
        REQUIRE(start_hello(ARGS("-nographic")));
        CHECK(!session_terminal_is_cooked(&s));
        kill(s.pid, signals[i]);
        CHECK(session_expect(&s, "terminating on signal"));
        finish(0);
    }
}

TEST(crash_gives_the_terminal_back)
{
    static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL};
    NEEDS_PROGRAM();
    for (int i = 0; i < 4; i++) {
        REQUIRE(start_hello(ARGS("-nographic")));
        kill(s.pid, signals[i]);
        CHECK_EQ(session_end(&s), 128 + signals[i]);
        CHECK(session_terminal_is_cooked(&s));
        session_close(&s);
    }
}

TEST(interrupt_key_is_the_guests_on_mon_stdio_and_ours_on_stdio)
{
    NEEDS_PROGRAM();
    REQUIRE(start_hello(ARGS("-nographic")));
    session_type(&s, "\003z");
    CHECK(session_expect(&s, "Z"));
    session_type(&s, "\001x");
    finish(0);
    REQUIRE(start_hello(ARGS("-serial", "stdio", "-monitor", "none", "-display", "none")));
    session_type(&s, "\003");
    finish(0);
}

TEST(pidfile_stands_while_the_machine_runs)
{
    NEEDS_PROGRAM();
    char path[100], text[20] = {0};
    snprintf(path, sizeof(path), "%s/pid", session_folder());
    REQUIRE(start_hello(ARGS("-nographic", "-pidfile", path)));
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
    CHECK_EQ(atoi(text), s.pid);
    close(fd);
    session_type(&s, "\001x");
    finish(0);
    CHECK(access(path, F_OK) != 0);
}

TEST(daemon_leaves_when_the_machine_stands)
{
    NEEDS_PROGRAM();
    const char *kernel = session_guest("hello");
    char pidfile[100], serial[100];
    REQUIRE(kernel);
    snprintf(pidfile, sizeof(pidfile), "%s/daemon", session_folder());
    snprintf(serial, sizeof(serial), "file:%s/serial", session_folder());
    session_start(&s, ARGS("-M", "virt", "-nic", "none", "-display", "none", "-daemonize",
                           "-pidfile", pidfile, "-serial", serial, "-kernel", kernel));
    CHECK_EQ(session_end(&s), 0);
    session_close(&s);
    char text[200] = {0};
    int fd = open(pidfile, O_RDONLY);
    CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    pid_t pid = atoi(text);
    CHECK(pid > 1 && pid != s.pid && kill(pid, 0) == 0);
    for (int i = 0; i < 10000 && !strstr(text, "powers off"); i++) {
        usleep(1000);
        fd = open(serial + 5, O_RDONLY);
        ssize_t n = read(fd, text, sizeof(text) - 1);
        text[n > 0 ? n : 0] = '\0';
        close(fd);
    }
    CHECK(strstr(text, "powers off") != NULL);
    if (pid > 1) {
        kill(pid, SIGTERM);
    }
    for (int i = 0; i < 10000 && access(pidfile, F_OK) == 0; i++) {
        usleep(1000);
    }
    CHECK(access(pidfile, F_OK) != 0);
}
