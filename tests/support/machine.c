/* SPDX-License-Identifier: MIT */
/* A machine without CPUs: see machine.h. */
#include "tests/support/machine.h"
#include "hw/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "block/block.h"

static void must(bool good, const struct error *e)
{
    if (!good) {
        printf("not ok: %s\n", e->text);
        exit(1);
    }
}

static bool test_build(struct machine *m, struct error *e)
{
    (void)e;
    space_add(m->memory, &(struct mem_range){.base = TEST_RAM_BASE,
                                             .size = m->config.ram_bytes,
                                             .kind = RANGE_RAM,
                                             .name = "ram",
                                             .host = m->ram});
    return true;
}

static const struct machine_class test_class = {.name = "test",
                                                .desc = "for tests",
                                                .arch = "none",
                                                .max_cpus = 1,
                                                .board_size = 1,
                                                .build = test_build};

struct machine *test_machine_new(uint64_t ram_bytes)
{
    struct error e;
    struct machine *m = machine_new(&test_class);
    m->config.ram_bytes = ram_bytes;
    m->clock = clock_manual_create();
    rng_seed(&m->rng, 1);
    must(machine_build(m, &e), &e);
    return m;
}

void test_machine_free(struct machine *m)
{
    struct clock *c = m->clock;
    machine_free(m);
    clock_destroy(c);
}

struct device *test_device(struct machine *m, const struct device_class *cls, ...)
{
    struct error e;
    struct device *d = device_new(cls, m, NULL);
    va_list ap;
    va_start(ap, cls);
    for (const char *pair; (pair = va_arg(ap, const char *));) {
        char name[64];
        size_t n = strcspn(pair, "=");
        snprintf(name, sizeof(name), "%.*s", (int)n, pair);
        must(device_set(d, name, pair + n + 1, &e), &e);
    }
    va_end(ap);
    must(device_create(d, &e), &e);
    device_reset(d);
    return d;
}

uint64_t test_load(struct machine *m, paddr a, unsigned size)
{
    uint64_t v = 0;
    struct error e;
    if (!space_load(m->memory, a, size, &v)) {
        must(error_set(&e, "bus error at 0x%llx", (unsigned long long)a), &e);
    }
    return v;
}

void test_store(struct machine *m, paddr a, unsigned size, uint64_t value)
{
    struct error e;
    if (!space_store(m->memory, a, size, value)) {
        must(error_set(&e, "bus error at 0x%llx", (unsigned long long)a), &e);
    }
}

static void line_set(void *opaque, int line, int level)
{
    struct test_line *l = opaque;
    (void)line;
    l->rises += level && !l->level;
    l->level = level;
}

struct irq test_line_irq(struct test_line *l)
{
    return (struct irq){line_set, l, 0};
}

bool test_round_trip(struct device *d)
{
    struct strbuf before = {0}, after = {0};
    struct error e;
    if (d->cls->settle) {
        d->cls->settle(d);
    }
    device_save(d, &before);
    device_reset(d);
    must(device_load(d, before.text, before.len, &e), &e);
    device_save(d, &after);
    if (d->cls->resume) {
        d->cls->resume(d);
    }
    bool same = before.len == after.len && memcmp(before.text, after.text, before.len) == 0;
    strbuf_free(&before);
    strbuf_free(&after);
    return same;
}

void test_states_load(struct machine *m)
{
    for (struct device *d = m->devices; d; d = d->next) {
        struct strbuf state = {0};
        struct error e;
        device_save(d, &state);
        must(device_load(d, state.text, state.len, &e), &e);
        strbuf_free(&state);
    }
}

/* ---- streams */

static size_t stream_written(struct stream *s, const uint8_t *bytes, size_t n)
{
    strbuf_bytes(&((struct test_stream *)s)->written, bytes, n);
    return n;
}

static void stream_set_reader(struct stream *s, const struct stream_reader *r)
{
    struct test_stream *t = (struct test_stream *)s;
    t->has_reader = r != NULL;
    if (r) {
        t->reader = *r;
    }
}

static void stream_more_room(struct stream *s)
{
    ((struct test_stream *)s)->asked++;
}

static void stream_close(struct stream *s)
{
    strbuf_free(&((struct test_stream *)s)->written);
}

static const struct stream_ops stream_ops = {stream_written, stream_set_reader, stream_more_room,
                                             stream_close};

void test_stream_init(struct test_stream *s)
{
    *s = (struct test_stream){.stream = {&stream_ops}};
}

size_t test_stream_feed(struct test_stream *s, const void *bytes, size_t n)
{
    size_t room = s->has_reader ? s->reader.room(s->reader.opaque) : 0;
    n = n < room ? n : room;
    if (n) {
        s->reader.read(s->reader.opaque, bytes, n);
    }
    return n;
}

struct block *test_disk(uint64_t bytes)
{
    char path[] = "/var/tmp/dragoman-disk.XXXXXX";
    struct error e = {"no file"};
    const int fd = mkstemp(path);
    const bool made = fd >= 0 && ftruncate(fd, (off_t)bytes) == 0;
    close(fd);
    struct block *b =
        made ? block_open(NULL, &(struct block_options){.file = path, .format = "raw"}, &e) : NULL;
    unlink(path);
    if (!b) {
        fprintf(stderr, "%s: %s\n", path, e.text);
        exit(2);
    }
    return b;
}
