/* SPDX-License-Identifier: MIT */
/* The virtio entropy device. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "hw/state.h"
#include "hw/virtio/virtio.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

extern const struct device_class virtio_rng_pci_class, virtio_rng_device_class;

struct scene {
    struct rig r;
    struct drv d;
    struct ring q;
    struct device *dev;
    const char *path; /* behind the object "file"; NULL: builtin */
    paddr buf;
};

static bool give_entropy(void *opaque, const char *id, const char **path, struct error *e)
{
    struct scene *s = opaque;
    *path = s->path;
    return strcmp(id, "none") != 0 || error_set(e, "there is no object %s", id);
}

static void open_machine(struct scene *s, bool seeded)
{
    rig_open(&s->r);
    s->r.m->backends.entropy = give_entropy;
    s->r.m->backends.opaque = s;
    s->r.m->config.seed_given = seeded;
    rng_seed(&s->r.m->rng, 7);
}

static void start(struct scene *s)
{
    CHECK(drv_negotiate(&s->d, VIRTIO_F_VERSION_1));
    ring_open(&s->q, &s->d, 0, 8, 0);
    drv_ok(&s->d);
}

static void open_scene(struct scene *s, bool seeded, const char *a, const char *b)
{
    struct error e = {{0}};
    open_machine(s, seeded);
    s->dev = rig_device(&s->r, &virtio_rng_device_class, "virtio-mmio-bus.0", &e, a, b, NULL);
    if (!s->dev) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    drv_open_mmio(&s->d, &s->r);
    start(s);
    s->buf = rig_alloc(&s->r, 4096);
}

/* Asks for n bytes in two pieces; how many came, or -1 if none did. */
static int ask(struct scene *s, uint32_t n)
{
    unsigned id;
    uint32_t len;
    memset(rig_host(&s->r, s->buf), 0, 4096);
    ring_add(&s->q, (struct ring_buf[]){{s->buf, 5, true}, {s->buf + 100, n - 5, true}}, 2, false);
    ring_kick(&s->q);
    return ring_used(&s->q, &id, &len) ? (int)len : -1;
}

static unsigned zeros(struct scene *s, paddr a, unsigned n)
{
    unsigned count = 0;
    for (unsigned i = 0; i < n; i++) {
        count += rig_host(&s->r, a)[i] == 0;
    }
    return count;
}

TEST(buffers_are_filled)
{
    struct scene s = {0};
    open_scene(&s, false, NULL, NULL);
    CHECK_EQ(ask(&s, 1000), 1000);
    CHECK(zeros(&s, s.buf + 100, 995) < 50);
    CHECK_EQ(zeros(&s, s.buf + 5, 95), 95); /* and nothing else */
    rig_close(&s.r);
}

TEST(seeded_machines_give_the_same_bytes)
{
    uint8_t first[64];
    for (unsigned i = 0; i < 2; i++) {
        struct scene s = {0};
        open_scene(&s, true, NULL, NULL);
        CHECK_EQ(ask(&s, 69), 69);
        if (i == 0) {
            memcpy(first, rig_host(&s.r, s.buf + 100), 64);
        }
        CHECK_MEM(first, rig_host(&s.r, s.buf + 100), 64);
        rig_close(&s.r);
    }
}

TEST(limit_holds_until_the_period_ends)
{
    struct scene s = {0};
    unsigned id;
    uint32_t len;
    open_scene(&s, false, "max-bytes=100", "period=1000");
    CHECK_EQ(ask(&s, 80), 80);
    CHECK_EQ(ask(&s, 80), 20);
    CHECK_EQ(ask(&s, 80), (uint64_t)-1);
    clock_manual_advance(s.r.m->clock, 999999999);
    CHECK(!ring_used(&s.q, &id, &len));
    clock_manual_advance(s.r.m->clock, 1);
    CHECK(ring_used(&s.q, &id, &len) && len == 80);
    CHECK_EQ(ask(&s, 80), 20);
    drv_set_status(&s.d, 0);
    start(&s);
    CHECK_EQ(ask(&s, 80), 80);
    rig_close(&s.r);
}

TEST(file_gives_bytes_when_it_has_some)
{
    struct scene s = {0};
    unsigned id;
    uint32_t len;
    char path[] = "/tmp/dragoman-fifo.XXXXXX";
    REQUIRE(mkdtemp(path) != NULL);
    char fifo[64];
    snprintf(fifo, sizeof(fifo), "%s/f", path);
    CHECK_EQ(mkfifo(fifo, 0600), 0);
    int fd = open(fifo, O_RDWR);
    s.path = fifo;
    open_scene(&s, false, "rng=file", NULL);
    CHECK_EQ(ask(&s, 50), (uint64_t)-1);
    os_sleep_until_ns(os_now_ns() + 5000000);
    CHECK(!ring_used(&s.q, &id, &len));
    CHECK(write(fd, "abc", 3) == 3);
    CHECK(ring_wait(&s.q, &id, &len) && len == 3);
    CHECK_MEM(rig_host(&s.r, s.buf), "abc", 3);
    CHECK_EQ(ask(&s, 50), (uint64_t)-1);
    drv_set_status(&s.d, 0); /* while it waits for the file */
    start(&s);
    CHECK(write(fd, "xyz", 3) == 3);
    ask(&s, 50);
    CHECK(s.q.outstanding == 0 || ring_wait(&s.q, &id, &len));
    CHECK_MEM(rig_host(&s.r, s.buf), "xyz", 3);
    rig_close(&s.r);
    close(fd);
    unlink(fifo);
    rmdir(path);
}

TEST(bad_properties_are_refused)
{
    struct scene s = {.path = "/nonexistent/rng"};
    struct error e = {{0}};
    open_machine(&s, false);
    CHECK(!rig_device(&s.r, &virtio_rng_pci_class, "pcie.0", &e, "rng=none", NULL));
    CHECK(strstr(e.text, "there is no object") != NULL);
    CHECK(!rig_device(&s.r, &virtio_rng_pci_class, "pcie.0", &e, "rng=file", NULL));
    CHECK(strstr(e.text, "No such file") != NULL);
    CHECK(!rig_device(&s.r, &virtio_rng_pci_class, "pcie.0", &e, "period=0", NULL));
    s.path = NULL;
    CHECK(rig_device(&s.r, &virtio_rng_pci_class, "pcie.0", &e, "rng=builtin", NULL) != NULL);
    rig_close(&s.r);
}

TEST(state_survives_saving)
{
    struct scene s = {0}, t = {0};
    struct error e = {{0}};
    struct strbuf out = {0};
    open_scene(&s, false, "max-bytes=100", "period=1000");
    CHECK_EQ(ask(&s, 80), 80);
    device_save(s.dev, &out);
    open_scene(&t, false, "max-bytes=100", "period=1000");
    drv_set_status(&t.d, 0);
    memcpy(t.r.m->ram, s.r.m->ram, RIG_RAM_BYTES);
    CHECK(device_load(t.dev, out.text, out.len, &e));
    t.q = s.q;
    t.q.d = &t.d;
    CHECK_EQ(ask(&t, 80), 20);
    strbuf_free(&out);
    rig_close(&s.r);
    rig_close(&t.r);
}

TEST(tables_list_every_byte)
{
    struct error e = {{0}};
    CHECK_MSG(device_check_class(&virtio_rng_pci_class, &e), "%s", e.text);
    CHECK_MSG(device_check_class(&virtio_rng_device_class, &e), "%s", e.text);
}
