/* SPDX-License-Identifier: MIT */
/*
 * vCPUs that run, or sleep by WFI and WFE, are stopped, looked at, reset and let go on as fast as
 * the monitor takes commands: no request may be lost, whatever they are at. What is lost shows as a
 * prompt that does not come back.
 */
#include "tests/monitor/session.h"

static struct session s;

static bool start(const char *accel, const char *cpus)
{
    const char *kernel = session_guest("busy");
    if (!kernel) {
        test_fail(__FILE__, __LINE__, "the guest does not assemble");
        return false;
    }
    session_start(&s,
                  (const char *const[]){"-M", "virt", "-nic", "none", "-nographic", "-m", "64M",
                                        "-accel", accel, "-smp", cpus, "-kernel", kernel, NULL});
    if (!session_expect(&s, "busy")) {
        return false;
    }
    session_type(&s, "\001c");
    return session_expect(&s, "(dragoman) ");
}

/* Types the commands in turn, so many rounds, each when the one before is through. */
static bool commands(const char *const *each, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        for (const char *const *c = each; *c; c++) {
            session_type(&s, *c);
            if (!session_expect(&s, "(dragoman) ")) {
                return false;
            }
        }
    }
    return true;
}

static void race(const char *accel, const char *cpus)
{
    static const char *const stop_and_go[] = {"stop\r", "cont\r", NULL},
                             *const look[] = {"info registers\r", "info cpus\r", "stop\r",
                                              "info jit\r",       "cont\r",      NULL},
                             *const reset[] = {"system_reset\r", "info registers\r", NULL};

    REQUIRE(start(accel, cpus));
    if (commands(stop_and_go, 150) && commands(look, 40) && commands(reset, 60) &&
        commands(stop_and_go, 20)) {
        session_type(&s, "quit\r");
    } else {
        kill(s.pid, SIGKILL);
    }
    CHECK_EQ(session_end(&s), 0);
    session_close(&s);
}

TEST(one_busy_cpu)
{
    NEEDS_PROGRAM();
    race("tcg", "1");
}

TEST(busy_and_sleeping_cpus)
{
    NEEDS_PROGRAM();
    race("tcg", "4");
}

TEST(busy_and_sleeping_cpus_in_turn)
{
    NEEDS_PROGRAM();
    race("tcg,thread=single", "4");
}

TEST(busy_and_sleeping_cpus_interpreted)
{
    NEEDS_PROGRAM();
    race("tcg,engine=interp", "4");
}
