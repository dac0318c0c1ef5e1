/* SPDX-License-Identifier: MIT */
/* See board.h. */
#include "tests/support/board.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "tests/support/oracle.h"

static struct test_board *board_of(struct power *p)
{
    return (struct test_board *)p;
}

static void end(struct test_board *b, int status)
{
    os_mutex_lock(&b->lock);
    b->ended = true;
    b->status = status;
    os_cond_signal(&b->changed);
    os_mutex_unlock(&b->lock);
}

static uint64_t read_end(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return 0;
}

static void write_end(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct test_board *b = opaque;
    (void)offset, (void)value, (void)size;
    end(b, 0);
    atomic_store(&b->vcpus[0]->powered_off, true);
    vcpu_exit_soon(b->vcpus[0]);
}

void test_board_add_end(struct test_board *b, struct space *s, paddr a)
{
    static const struct mmio_ops ops = {.read = read_end, .write = write_end};
    space_add(
        s, &(struct mem_range){
               .base = a, .size = 4, .kind = RANGE_MMIO, .name = "end", .ops = &ops, .opaque = b});
}

static void request(struct power *p, enum power_request r)
{
    end(board_of(p), r == POWER_PANIC);
}

static void exit_status(struct power *p, int status)
{
    end(board_of(p), status);
}

static struct vcpu *find(struct test_board *b, uint64_t id)
{
    for (unsigned i = 0; i < b->count; i++) {
        if (b->vcpus[i]->firmware_id == id) {
            return b->vcpus[i];
        }
    }
    return NULL;
}

static enum power_cpu_result cpu_on(struct power *p, uint64_t id, uint64_t entry, uint64_t context)
{
    struct vcpu *v = find(board_of(p), id);
    return v ? vcpu_start(v, entry, context) : POWER_CPU_NO_SUCH;
}

static int cpu_state(struct power *p, uint64_t id)
{
    struct vcpu *v = find(board_of(p), id);
    return v ? vcpu_power_state(v) : -1;
}

static uint64_t now_ns(void *opaque)
{
    (void)opaque;
    return (uint64_t)os_now_ns();
}

static bool add_vcpus(struct test_board *b, const struct cpu_class *cls, const char *model,
                      unsigned count, struct error *e)
{
    b->vcpus = mem_array(count, sizeof(struct vcpu *));
    for (unsigned i = 0; i < count; i++) {
        struct vcpu *v = cls->create(model, i, e);
        if (!v) {
            return false;
        }
        b->vcpus[b->count++] = v;
        memcpy(v->spaces, b->spaces, sizeof(v->spaces));
        v->clock = b->clock;
        v->power = &b->power;
        cls->reset(v);
        v->powered_off = i > 0;
    }
    return true;
}

static void create_spaces(struct test_board *b, const struct cpu_class *cls)
{
    b->memory = space_create("memory");
    for (unsigned i = 0; cls->spaces && cls->spaces[i]; i++) {
        b->spaces[i + 1] = space_create_beside(cls->spaces[i], b->memory);
    }
}

struct test_board *test_board_new(const struct cpu_class *cls, const char *model, unsigned count,
                                  paddr ram_base, uint64_t ram_bytes, struct error *e)
{
    struct test_board *b = mem_alloc(sizeof(*b));
    b->power = (struct power){request, exit_status, cpu_on, cpu_state};
    os_mutex_init(&b->lock);
    os_cond_init(&b->changed);
    create_spaces(b, cls);
    b->clock = clock_create((struct clock_source){.now_ns = now_ns});
    b->ram_base = ram_base;
    b->ram_bytes = ram_bytes;
    b->ram = os_map_ram(ram_bytes, e);
    if (!b->ram || !add_vcpus(b, cls, model, count, e)) {
        test_board_free(b);
        return NULL;
    }
    space_add(
        b->memory,
        &(struct mem_range){
            .base = ram_base, .size = ram_bytes, .kind = RANGE_RAM, .name = "ram", .host = b->ram});
    return b;
}

void test_board_free(struct test_board *b)
{
    for (unsigned i = 0; i < b->count; i++) {
        b->vcpus[i]->cls->destroy(b->vcpus[i]);
    }
    mem_free(b->vcpus);
    for (unsigned i = 0; i < VCPU_SPACES; i++) {
        if (b->spaces[i]) {
            space_destroy(b->spaces[i]);
        }
    }
    clock_destroy(b->clock);
    if (b->ram) {
        os_unmap(b->ram, b->ram_bytes);
    }
    mem_free(b);
}

void test_board_exited(void *opaque, struct vcpu *v, enum accel_exit why)
{
    (void)opaque, (void)v, (void)why;
}

/* The clock's timers run here. */
bool test_board_wait(struct test_board *b, int64_t most_ns)
{
    const int64_t give_up = os_now_ns() + most_ns;
    os_mutex_lock(&b->lock);
    while (!b->ended && os_now_ns() < give_up) {
        os_cond_wait_until(&b->changed, &b->lock, os_now_ns() + 200000);
        os_mutex_unlock(&b->lock);
        clock_run_due(b->clock);
        os_mutex_lock(&b->lock);
    }
    const bool ended = b->ended;
    os_mutex_unlock(&b->lock);
    return ended;
}

bool test_board_run(struct test_board *b, const struct accel_config *config, uint64_t entry,
                    unsigned seconds, struct error *e)
{
    b->vcpus[0]->cls->boot(b->vcpus[0], entry, 0);
    return test_board_go(b, config, seconds, e);
}

bool test_board_go(struct test_board *b, const struct accel_config *config, unsigned seconds,
                   struct error *e)
{
    struct accel_config own = *config;
    struct counted *made = own.counted && !own.time ? counted_create(config) : NULL;

    own.time = made ? made : own.time;
    struct accel *a = accel_create(&own, b->vcpus, b->count, test_board_exited, b, e);
    if (!a) {
        counted_destroy(made);
        return false;
    }
    accel_start(a);
    const bool ended = test_board_wait(b, (int64_t)seconds * 1000000000);
    accel_stop(a);
    accel_destroy(a);
    counted_destroy(made);
    return ended || error_set(e, "the guest did not end within %u s; vCPU 0 is at 0x%llx", seconds,
                              (unsigned long long)b->vcpus[0]->cls->pc(b->vcpus[0]));
}

bool test_board_go_oracle(struct test_board *b, uint64_t insns)
{
    struct oracle o;

    oracle_init(&o, b->vcpus[0]);
    while (!b->ended && o.insns < insns) {
        const uint64_t left = insns - o.insns;
        if (oracle_run(&o, left < 1000 ? left : 1000) != ORACLE_COUNT) {
            break;
        }
    }
    oracle_free(&o);
    return b->ended;
}

void test_board_boot_all(struct test_board *b, uint64_t entry)
{
    for (unsigned i = 0; i < b->count; i++) {
        b->vcpus[i]->cls->boot(b->vcpus[i], entry, i);
        b->vcpus[i]->powered_off = false;
    }
}

static uint8_t *place(struct test_board *b, paddr a, uint64_t bytes)
{
    assert(a >= b->ram_base && bytes <= b->ram_bytes - (a - b->ram_base));
    return b->ram + (a - b->ram_base);
}

void test_board_put(struct test_board *b, paddr a, uint64_t value)
{
    store_le64(place(b, a, 8), value);
}

void test_board_put_code(struct test_board *b, paddr a, const uint32_t *code, size_t words)
{
    for (size_t i = 0; i < words; i++) {
        store_le32(place(b, a + 4 * i, 4), code[i]);
    }
}

void test_board_put_all(struct test_board *b, paddr a, const uint64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        test_board_put(b, a + 8 * i, values[i]);
    }
}
