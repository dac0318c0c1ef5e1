/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 300 */
/*
 * The host has no memory or threads left, at each place of the start in turn: what has been made is
 * taken down, what was not is left alone, and a sentence says what is missing. (Leaks and wrong
 * accesses are for the sanitizers' build to see.)
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/fail.h"
#include "cpu/arm.h"
#include "system/cmdline.h"
#include "system/loop.h"
#include "system/vm.h"
#include "tests/support/board.h"
#include "tests/test.h"

static void exited(void *opaque, struct vcpu *v, enum accel_exit why)
{
    (void)opaque, (void)v, (void)why;
}

/* The accelerator, made on a board that stays. How many places there were. */
static unsigned create_accelerators(const struct accel_config *config)
{
    struct error e = {""};
    struct test_board *b = test_board_new(&arm_cpu_class, "max,sve=off,sme=off", 3, 0x40000000,
                                          1 << 20, &e);
    struct accel_config own = *config;
    struct accel *a = NULL;
    unsigned n = 0;

    own.time = own.counted ? counted_create(config) : NULL;
    while (!a) {
        e.text[0] = '\0';
        fail_after(++n);
        a = accel_create(&own, b->vcpus, b->count, exited, NULL, &e);
        CHECK_MSG(a || e.text[0], "the %uth failure is not told", n);
        for (unsigned i = 0; i < b->count && !a; i++) {
            CHECK(!b->vcpus[i]->accel && !vcpu_env(b->vcpus[i])->tlb);
        }
    }
    fail_after(0);
    accel_destroy(a);
    counted_destroy(own.time);
    test_board_free(b);
    return n - 1;
}

TEST(an_accelerator_that_fails_half_way_is_taken_down)
{
    CHECK(create_accelerators(&(struct accel_config){.cache_bytes = 8u << 20}) >= 4 + 3 + 1 + 3);
}

TEST(one_with_vcpus_in_turn_is_taken_down)
{
    CHECK(create_accelerators(&(struct accel_config){.single_thread = true,
                                                     .cache_bytes = 8u << 20}) >= 4 + 3 + 1 + 2);
    CHECK(create_accelerators(&(struct accel_config){.counted = true, .cache_bytes = 8u << 20}) >=
          4 + 3 + 1 + 1);
}

TEST(an_interpreter_is_taken_down)
{
    CHECK(create_accelerators(&(struct accel_config){.interpreter = true}) >= 1 + 3);
}

/* The whole program's machine, until it would run. */
static bool start_machine(const char *const *arguments, int count)
{
    struct config config = {0};
    struct error e = {""};
    struct loop *loop = loop_create();
    bool done;
    struct vm *vm = NULL;

    if (options_parse(&config, count, (char **)(uintptr_t)arguments, &e) &&
        options_check(&config, &e)) {
        vm = vm_create(&config, loop, &done, &e);
    }
    CHECK_MSG(vm || e.text[0], "a failure is not told");
    vm_destroy(vm);
    loop_destroy(loop);
    config_free(&config);
    return vm != NULL;
}

static unsigned start_machines(const char *const *arguments, int count)
{
    unsigned n = 0;

    do {
        fail_after(++n);
    } while (!start_machine(arguments, count) && n < 1000);
    fail_after(0);
    return n - 1;
}

#define ARGUMENTS(...)                                                                             \
    ((const char *const[]){"dragoman", __VA_ARGS__}),                                              \
        (int)(sizeof((const char *const[]){"dragoman", __VA_ARGS__}) / sizeof(const char *))

TEST(a_machine_that_fails_half_way_is_taken_down)
{
    CHECK(start_machines(ARGUMENTS("-M", "virt", "-smp", "2", "-display", "none", "-serial", "null",
                                   "-monitor", "none", "-nic", "none", "-S", "-accel",
                                   "tcg,tb-size=8")) >= 10);
}

TEST(a_machine_with_devices_is_taken_down)
{
    static char path[] = "/tmp/dragoman-startup-XXXXXX";
    const int fd = mkstemp(path);
    char drive[100];

    REQUIRE(fd >= 0 && ftruncate(fd, 1 << 20) == 0);
    snprintf(drive, sizeof(drive), "file=%s,if=virtio,format=raw,aio=threads", path);
    CHECK(start_machines(ARGUMENTS("-M", "virt,gic-version=3", "-display", "none", "-serial",
                                   "null", "-monitor", "none", "-nic", "user,model=virtio-net-pci",
                                   "-device", "virtio-rng-pci", "-drive", drive, "-S", "-accel",
                                   "tcg,tb-size=8")) >= 12);
    close(fd);
    unlink(path);
}
