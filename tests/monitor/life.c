/* SPDX-License-Identifier: MIT */
/* What a guest asks of its machine's life, and what the command line makes of it. */
#include "tests/monitor/session.h"

static struct session s;

static bool start(const char *const *more)
{
    return session_start_guest(&s, "life", "-nographic", more, "ready");
}

static void finish(int status)
{
    CHECK_EQ(session_end(&s), status);
    session_close(&s);
}

TEST(guest_resets_any_number_of_times)
{
    NEEDS_PROGRAM();
    REQUIRE(start(NULL));
    for (int i = 0; i < 5; i++) {
        session_type(&s, "r");
        CHECK(session_expect(&s, "ready"));
    }
    session_type(&s, "o");
    finish(0);
}

TEST(no_reboot_ends_where_the_guest_resets)
{
    NEEDS_PROGRAM();
    REQUIRE(start(ARGS("-no-reboot")));
    session_type(&s, "r");
    finish(0);
    REQUIRE(start(ARGS("-action", "reboot=shutdown")));
    session_type(&s, "r");
    finish(0);
}

/* Asks the monitor, which must be in front, until the machine is in the state. */
static bool status_becomes(const char *state)
{
    for (int tries = 0; tries < 300; tries++) {
        session_type(&s, "info status\r");
        if (!session_expect(&s, "VM status: ") || !session_expect(&s, "(dragoman) ")) {
            return false;
        }
        if (strstr(s.before, state)) {
            return true;
        }
        usleep(20000);
    }
    return false;
}

/*
 * The guest runs: it is in front and says so when it is told to reset. Asked again and again, since
 * a reset from outside may take a key along; what it says while the monitor is in front runs into
 * the monitor's words.
 */
static bool guest_answers(void)
{
    for (int tries = 0; tries < 60; tries++) {
        const int64_t due = session_now_ms() + 500;
        session_type(&s, "r");
        while (!strstr(s.seen, "ready") && session_read(&s, due)) {
        }
        if (strstr(s.seen, "ready")) {
            return session_expect(&s, "ready");
        }
    }
    return false;
}

TEST(action_shutdown_pause_keeps_the_machine)
{
    NEEDS_PROGRAM();
    REQUIRE(start(ARGS("-action", "shutdown=pause")));
    session_type(&s, "o\001c");
    CHECK(session_expect(&s, "(dragoman) "));
    CHECK(status_becomes("paused"));
    session_type(&s, "system_reset\rcont\r");
    CHECK(status_becomes("running"));
    session_type(&s, "\001c");
    CHECK(guest_answers());
    session_type(&s, "\001x");
    finish(0);
}

TEST(semihosting_exit_gives_the_guests_status)
{
    NEEDS_PROGRAM();
    REQUIRE(start(ARGS("-semihosting")));
    session_type(&s, "we");
    CHECK(session_expect(&s, "semihosting says so"));
    finish(42);
}

TEST(semihosting_text_goes_to_its_chardev)
{
    NEEDS_PROGRAM();
    char chardev[120], text[80] = {0};
    snprintf(chardev, sizeof(chardev), "file,id=semi,path=%s/semi", session_folder());
    REQUIRE(start(ARGS("-chardev", chardev, "-semihosting-config", "enable=on,chardev=semi")));
    session_type(&s, "we");
    finish(42);
    int fd = open(strchr(chardev, '/'), O_RDONLY);
    CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
    CHECK_STR(text, "semihosting says so\n");
    close(fd);
}

TEST(guest_starts_its_second_cpu)
{
    static const char *const threads[] = {"tcg,thread=multi", "tcg,thread=single",
                                          "tcg,engine=interp"};
    NEEDS_PROGRAM();
    for (int i = 0; i < 3; i++) {
        REQUIRE(start(ARGS("-smp", "2", "-accel", threads[i])));
        session_type(&s, "2");
        CHECK(session_expect(&s, "second"));
        CHECK(session_expect(&s, "\n")); /* else the two write at the same time */
        session_type(&s, "2");           /* it is on already */
        CHECK(session_expect(&s, "failed"));
        session_type(&s, "r"); /* a reset turns it off again */
        CHECK(session_expect(&s, "ready"));
        session_type(&s, "2");
        CHECK(session_expect(&s, "second"));
        session_type(&s, "o");
        finish(0);
    }
}

TEST(only_present_cpus_start)
{
    NEEDS_PROGRAM();
    REQUIRE(start(NULL));
    session_type(&s, "2");
    CHECK(session_expect(&s, "failed"));
    session_type(&s, "o");
    finish(0);
}

TEST(sleeping_guest_can_still_be_steered)
{
    NEEDS_PROGRAM();
    REQUIRE(start(NULL));
    /* The further keys stay unread, and mean nothing to the guest that reads them after its reset.
     */
    session_type(&s, "sxxx");
    CHECK(session_expect(&s, "asleep"));
    session_type(&s, "\001c");
    CHECK(session_expect(&s, "(dragoman) "));
    bool halted = false;
    for (int i = 0; i < 1000 && !halted; i++) {
        session_type(&s, "info cpus\r");
        REQUIRE(session_expect(&s, "* CPU #0: pc=0x") && session_expect(&s, "(dragoman) "));
        halted = strstr(s.before, "(halted)") != NULL;
    }
    CHECK(halted);
    session_type(&s, "system_reset\r\001c");
    CHECK(guest_answers());
    session_type(&s, "\001x");
    finish(0);
}

TEST(log_goes_into_its_file)
{
    NEEDS_PROGRAM();
    char path[100], *text = calloc(1, 1 << 16);
    snprintf(path, sizeof(path), "%s/log", session_folder());
    REQUIRE(start(ARGS("-d", "in_asm", "-D", path, "-dfilter", "0x40200000+8")));
    session_type(&s, "\001clog none\rquit\r");
    finish(0);
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0 && read(fd, text, (1 << 16) - 1) > 0);
    close(fd);
    CHECK(strstr(text, "40200000") != NULL);
    CHECK(strstr(text, "40200030") == NULL); /* outside of the range */
    free(text);
}

TEST(walks_are_logged)
{
    NEEDS_PROGRAM();
    char path[100], *text = calloc(1, 1 << 16);
    snprintf(path, sizeof(path), "%s/log", session_folder());
    REQUIRE(start(ARGS("-d", "mmu", "-D", path)));
    session_type(&s, "\001clog none\rquit\r");
    finish(0);
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0 && read(fd, text, (1 << 16) - 1) > 0);
    close(fd);
    CHECK(strstr(text, "cpu 0: walk for EL1 fetch of 0x40200000: 0x40200000, 2^21 bytes, rwx"));
    free(text);
}

TEST(snapshot_leaves_the_disk_alone_and_monitor_lists_it)
{
    NEEDS_PROGRAM();
    char path[100], drive[160];
    snprintf(path, sizeof(path), "%s/disk", session_folder());
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0 && ftruncate(fd, 1 << 20) == 0);
    close(fd);
    snprintf(drive, sizeof(drive), "file=%s,format=raw,if=virtio", path);
    REQUIRE(start(ARGS("-drive", drive, "-snapshot", "-name", "box", "-uuid",
                       "12345678-1234-1234-1234-123456789abc")));
    session_type(&s, "\001cinfo block\r");
    CHECK(session_expect(&s, path));
    session_type(&s, "info qtree\r");
    CHECK(session_expect(&s, "virtio-blk-pci"));
    session_type(&s, "info name\r");
    CHECK(session_expect(&s, "box"));
    session_type(&s, "info uuid\r");
    CHECK(session_expect(&s, "12345678-1234-1234-1234-123456789abc"));
    session_type(&s, "info chardev\r");
    CHECK(session_expect(&s, "serial0: stdio (mux), 2 users"));
    session_type(&s, "\001squit\r");
    finish(0);
}
