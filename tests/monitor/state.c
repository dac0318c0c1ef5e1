/* SPDX-License-Identifier: MIT */
/* The machine's state in a file: savevm, loadvm and -loadvm, as a user has them. */
#include "tests/monitor/session.h"

#include <sys/stat.h>

static struct session s;

static const char *path_of(const char *name)
{
    static char paths[4][120];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, 120, "%s/%s", session_folder(), name);
    return path;
}

static bool prompt(void)
{
    return session_expect(&s, "(dragoman) ");
}

static bool start(const char *guest, const char *const *more)
{
    return session_start_guest(&s, guest, "-nographic", more, "ready");
}

/* The same machine from a state; the monitor is in front, as when it was saved. */
static void resume(const char *guest, const char *state, const char *const *more)
{
    const char *argv[40] = {"-M",         "virt",    "-nic",
                            "none",       "-kernel", session_guest(guest),
                            "-nographic", "-loadvm", state};
    int n = 9;
    while (more && *more) {
        argv[n++] = *more++;
    }
    session_start(&s, argv);
}

/* Types a command into the monitor, which is in front; what it says is in s.before. */
static bool command(const char *format, const char *argument)
{
    char line[300];
    snprintf(line, sizeof(line), format, argument);
    session_type(&s, line);
    session_type(&s, "\r");
    return session_expect(&s, "\n") && prompt();
}

static void quit(void)
{
    session_type(&s, "quit\r");
    CHECK_EQ(session_end(&s), 0);
    session_close(&s);
}

static bool same_files(const char *a, const char *b)
{
    char line[400];
    snprintf(line, sizeof(line), "cmp %s %s", a, b);
    return system(line) == 0;
}

/* Starts the guest, brings the monitor to the front and saves. */
static bool save_started(const char *guest, const char *state, const char *const *more)
{
    if (!start(guest, more)) {
        return false;
    }
    session_type(&s, "\001c");
    return prompt() && command("savevm %s", state) && !strstr(s.before, "savevm:");
}

TEST(a_saved_machine_goes_on_in_another_process)
{
    NEEDS_PROGRAM();
    REQUIRE(save_started("life", path_of("a"), ARGS("-smp", "2")));
    quit();
    resume("life", path_of("a"), ARGS("-smp", "2"));
    REQUIRE(prompt());
    session_type(&s, "\001c");
    session_type(&s, "2");
    CHECK(session_expect(&s, "second"));
    session_type(&s, "r"); /* a reset is one of the machine on this command line */
    CHECK(session_expect(&s, "ready"));
    session_type(&s, "o");
    CHECK_EQ(session_end(&s), 0);
    session_close(&s);
}

TEST(loadvm_takes_a_running_machine_back)
{
    static const char *const threads[] = {"tcg,thread=multi", "tcg,thread=single",
                                          "tcg,engine=interp"};
    NEEDS_PROGRAM();
    for (int i = 0; i < 3; i++) {
        REQUIRE(save_started("life", path_of("a"), ARGS("-smp", "2", "-accel", threads[i])));
        session_type(&s, "\001c");
        session_type(&s, "2");
        CHECK(session_expect(&s, "second"));
        session_type(&s, "2");
        CHECK(session_expect(&s, "failed"));
        for (int k = 0; k < 3; k++) { /* the second CPU is off again */
            session_type(&s, "\001c");
            CHECK(prompt());
            CHECK(command("loadvm %s", path_of("a")));
            CHECK(!strstr(s.before, "loadvm:"));
            session_type(&s, "\001c");
            session_type(&s, "2");
            CHECK(session_expect(&s, "second"));
        }
        session_type(&s, "o");
        CHECK_EQ(session_end(&s), 0);
        session_close(&s);
    }
}

/* Save, load, save: the same bytes, while nothing runs between. */
static void round_trip(const char *const *more)
{
    const char *argv[40];
    int n = 0;
    REQUIRE(start("life", more));
    session_type(&s, "2"); /* a second CPU that has run */
    CHECK(session_expect(&s, "second"));
    session_type(&s, "\001c");
    CHECK(prompt() && command("stop%s", "") && command("savevm %s", path_of("a")));
    CHECK(command("savevm %s", path_of("b")));
    CHECK(same_files(path_of("a"), path_of("b")));
    CHECK(command("loadvm %s", path_of("a")) && command("savevm %s", path_of("b")));
    CHECK(same_files(path_of("a"), path_of("b")));
    quit();
    argv[n++] = "-S";
    while (*more) {
        argv[n++] = *more++;
    }
    argv[n] = NULL;
    resume("life", path_of("a"), argv);
    CHECK(prompt() && command("savevm %s", path_of("b")));
    CHECK(same_files(path_of("a"), path_of("b")));
    CHECK(command("info status%s", "") && strstr(s.before, "paused"));
    quit();
}

TEST(saving_what_was_loaded_gives_the_same_bytes)
{
    NEEDS_PROGRAM();
    round_trip(ARGS("-smp", "2"));
    round_trip(ARGS("-smp", "2", "-icount", "shift=1"));
    round_trip(ARGS("-smp", "2", "-M", "gic-version=3", "-device", "virtio-rng-pci", "-device",
                    "virtio-serial-pci", "-device", "virtio-net-device", "-device",
                    "pcie-root-port", "-device", "virtio-balloon-device"));
}

/* What is refused with which words, and the machine is as it was. */
static void refused(const char *const *saved, const char *const *more, const char *why)
{
    REQUIRE(save_started("life", path_of("a"), saved));
    quit();
    REQUIRE(start("life", more));
    session_type(&s, "\001c");
    CHECK(prompt() && command("loadvm %s", path_of("a")));
    CHECK_MSG(strstr(s.before, why), "not \"%s\" but: %s", why, s.before);
    session_type(&s, "\001c");
    session_type(&s, "r");
    CHECK(session_expect(&s, "ready"));
    session_type(&s, "o");
    CHECK_EQ(session_end(&s), 0);
    session_close(&s);
}

TEST(another_machine_is_refused_with_both_names)
{
    NEEDS_PROGRAM();
    refused(ARGS("-m", "128"), ARGS("-m", "256"),
            "the state's machine has 128 MiB of memory, and this one has 256: -m");
    refused(ARGS("-smp", "2"), ARGS("-smp", "1"),
            "has 2 vCPUs of at most 2, and this one has 1 of 1");
    refused(ARGS("-cpu", "cortex-a57"), ARGS("-cpu", "max"),
            "vCPU 0: the state is of a cortex-a57, and -cpu here is max");
    refused(ARGS("-cpu", "max,pauth=off"), ARGS("-cpu", "max"),
            "vCPU 0: the state is of a max with features");
    refused(ARGS("-M", "gic-version=2"), ARGS("-M", "gic-version=3"),
            "the state's machine has gic-version = 2, and this one has gic-version = 3");
    refused(ARGS("-icount", "shift=1"), ARGS("-smp", "1"),
            "the state's machine was run with -icount, and this one is without");
}

TEST(other_devices_are_refused_with_their_places)
{
    NEEDS_PROGRAM();
    refused(ARGS("-device", "virtio-rng-pci"), ARGS("-smp", "1"),
            "the state has a device pcie.0/01.0 (virtio-rng-pci), and this machine has none there");
    refused(ARGS("-smp", "1"), ARGS("-device", "virtio-rng-pci"),
            "this machine has a device pcie.0/01.0 (virtio-rng-pci), and the state has none there");
    refused(ARGS("-device", "virtio-rng-pci"), ARGS("-device", "virtio-net-pci"),
            "device pcie.0/01.0 is a virtio-rng-pci in the state, and a virtio-net-pci here");
    refused(ARGS("-device", "virtio-rng-pci,vectors=2"),
            ARGS("-device", "virtio-rng-pci,vectors=3"), "of its configuration space");
}

TEST(icount_of_another_length_is_refused)
{
    NEEDS_PROGRAM();
    refused(ARGS("-icount", "shift=1"), ARGS("-icount", "shift=2"),
            "an instruction takes 131072/65536 ns, and by -icount here 262144/65536");
}

TEST(a_start_from_a_bad_state_says_why_and_ends)
{
    NEEDS_PROGRAM();
    resume("life", path_of("none"), NULL);
    CHECK(session_expect(&s, "-loadvm: "));
    CHECK(session_expect(&s, "No such file"));
    CHECK_EQ(session_end(&s), 1);
    session_close(&s);
    resume("life", session_guest("life"), NULL);
    CHECK(session_expect(&s, "this is no state of a machine"));
    CHECK_EQ(session_end(&s), 1);
    session_close(&s);
}

TEST(a_state_that_cannot_be_written_is_told_of_and_the_guest_runs_on)
{
    NEEDS_PROGRAM();
    REQUIRE(start("life", NULL));
    session_type(&s, "\001c");
    CHECK(prompt() && command("savevm %s", "/no/such/folder/state"));
    CHECK(strstr(s.before, "savevm: /no/such/folder/state: no file can be made beside it"));
    CHECK(command("savevm %s", "/dev/null"));
    CHECK(strstr(s.before, "this is there already, and no file"));
    session_type(&s, "\001c");
    session_type(&s, "r");
    CHECK(session_expect(&s, "ready"));
    session_type(&s, "o");
    CHECK_EQ(session_end(&s), 0);
    session_close(&s);
}

TEST(a_powered_off_machine_stays_so)
{
    NEEDS_PROGRAM();
    REQUIRE(start("life", ARGS("-no-shutdown")));
    session_type(&s, "o\001c");
    CHECK(prompt());
    usleep(300000);
    CHECK(command("savevm %s", path_of("a")) && !strstr(s.before, "savevm:"));
    quit();
    resume("life", path_of("a"), ARGS("-no-shutdown"));
    CHECK(prompt() && command("cont%s", ""));
    CHECK(strstr(s.before, "the guest has powered off"));
    CHECK(command("system_reset%s", "") && command("cont%s", ""));
    session_type(&s, "\001c");
    session_type(&s, "r"); /* it may have greeted in the midst of the monitor's words */
    CHECK(session_expect(&s, "ready"));
    session_type(&s, "\001x");
    CHECK_EQ(session_end(&s), 0);
    session_close(&s);
}

TEST(help_knows_the_commands)
{
    NEEDS_PROGRAM();
    REQUIRE(start("life", NULL));
    session_type(&s, "\001c");
    CHECK(prompt() && command("help %s", "savevm") && strstr(s.before, "savevm FILE"));
    CHECK(command("help %s", "loadvm") && strstr(s.before, "disks are as they are now"));
    quit();
}
