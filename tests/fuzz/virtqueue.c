/* SPDX-License-Identifier: MIT */
/*
 * Hostile drivers: a string of bytes is read as what a driver does to one virtio device, by its
 * registers and by its rings in guest memory. Whatever it does, nothing crashes, and after a reset
 * the device is as new.
 *
 * By itself a bounded test from a seed. For libFuzzer: clang -fsanitize=fuzzer,address
 * -DFUZZ_LIBFUZZER, linked with the objects that the test is linked with.
 */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/cursor.h"
#include "base/mem.h"
#include "base/stream.h"
#include "block/block.h"
#include "net/net.h"
#include "tests/support/machine.h"
#include "tests/support/virtio_rig.h"
#ifndef FUZZ_LIBFUZZER
#include "tests/test.h"
#endif

#define QUEUE_SIZE 16
#define QUEUES 4

extern const struct device_class virtio_balloon_pci_class, virtio_blk_pci_class,
    virtio_net_pci_class, virtio_rng_pci_class, virtio_serial_pci_class, virtconsole_class,
    virtio_scsi_pci_class, scsi_hd_class;

/* ---- back ends: once for the process */

static struct block *disk;
static struct netdev *wire;

static size_t drop_bytes(struct stream *s, const uint8_t *bytes, size_t n)
{
    (void)s, (void)bytes;
    return n;
}

static void no_reader(struct stream *s, const struct stream_reader *r)
{
    (void)s, (void)r;
}

static void no_room(struct stream *s)
{
    (void)s;
}

static const struct stream_ops sink_ops = {drop_bytes, no_reader, no_room, no_room};
static struct stream sink = {&sink_ops};

static struct block *give_disk(void *opaque, const char *id, struct error *e)
{
    (void)opaque, (void)id, (void)e;
    return disk;
}

static struct netdev *give_wire(void *opaque, const char *id, struct error *e)
{
    (void)opaque, (void)id, (void)e;
    return wire;
}

static struct stream *give_sink(void *opaque, const char *id, struct error *e)
{
    (void)opaque, (void)id, (void)e;
    return &sink;
}

static void must(bool good, const struct error *e)
{
    if (!good) {
        fprintf(stderr, "%s\n", e->text);
        exit(2);
    }
}

static void open_back_ends(void)
{
    char path[] = "/var/tmp/dragoman-fuzz.XXXXXX";
    struct error e = {{0}};
    if (disk) {
        return;
    }
    int fd = mkstemp(path);
    must(fd >= 0 && ftruncate(fd, 1 << 20) == 0, &e);
    close(fd);
    disk = block_open(NULL, &(struct block_options){.file = path, .format = "raw"}, &e);
    must(disk != NULL, &e);
    unlink(path);
    /* Datagrams to a port of our own, which nobody reads. */
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    char to[32];
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    must(bind(fd, (struct sockaddr *)&a, len) == 0 &&
             getsockname(fd, (struct sockaddr *)&a, &len) == 0,
         &e);
    snprintf(to, sizeof(to), "127.0.0.1:%u", ntohs(a.sin_port));
    wire = netdev_open("socket", "n",
                       (struct net_option[]){{"udp", to}, {"localaddr", "127.0.0.1:0"}}, 2, &e);
    must(wire != NULL, &e);
}

/* ---- one driver */

struct hostile {
    struct rig r;
    struct drv d;
    struct cursor in;
    uint64_t features;
    struct ring q[QUEUES];
    paddr buffers; /* 64 KiB */
};

static uint64_t take(struct hostile *h, unsigned bytes)
{
    uint64_t v = 0;
    uint8_t b = 0;
    for (unsigned i = 0; i < bytes; i++) {
        cursor_u8(&h->in, &b);
        v = v << 8 | b;
    }
    return v;
}

/* Addresses that are good, nearly good, and bad. */
static uint64_t take_address(struct hostile *h)
{
    const struct ring *q = &h->q[take(h, 1) % QUEUES];
    switch (take(h, 1) % 10) {
    case 0:
        return RIG_RAM + RIG_RAM_BYTES - take(h, 1);
    case 1:
        return UINT64_MAX - take(h, 1);
    case 2:
        return RIG_VIRTIO_MMIO + take(h, 1);
    case 3:
        return q->desc + take(h, 1); /* rings as buffers, or as tables */
    case 4:
        return q->device + take(h, 1);
    case 5:
        return take(h, 8);
    default:
        return h->buffers + take(h, 2) % 0x8000;
    }
}

static uint32_t take_length(struct hostile *h)
{
    switch (take(h, 1) % 8) {
    case 0:
        return 0;
    case 1:
        return (uint32_t)take(h, 4);
    case 2:
        return 16 * (uint32_t)(take(h, 1) % 64);
    case 3:
        return 1;
    case 4:
        return 16;
    default:
        return (uint32_t)take(h, 2) % 5000;
    }
}

static void put_descriptor(struct hostile *h, uint8_t *p, bool packed)
{
    store_le64(p, take_address(h));
    store_le32(p + 8, take_length(h));
    uint16_t flags = (uint16_t)take(h, 2);
    flags &= (uint16_t)(take(h, 1) % 8 ? 0x8087 : 0xffff);
    uint16_t next = (uint16_t)(take(h, 1) % 8 ? take(h, 1) % (QUEUE_SIZE + 1) : take(h, 2));
    store_le16(p + (packed ? 12 : 14), next);
    store_le16(p + (packed ? 14 : 12), flags);
}

/* A chain that the device will understand, of what the buffers hold. */
static void offer_good(struct hostile *h, struct ring *q)
{
    struct ring_buf b[4];
    unsigned n = 1 + (unsigned)take(h, 1) % 4;
    bool in = false;
    for (unsigned i = 0; i < n; i++) {
        in = in || take(h, 1) % 2;
        b[i] = (struct ring_buf){h->buffers + take(h, 2) % 0x8000, (uint32_t)take(h, 1) * 5, in};
    }
    ring_add(q, b, n, take(h, 1) % 4 == 0);
}

static void offer_bad(struct hostile *h, struct ring *q)
{
    unsigned i = (unsigned)take(h, 1) % QUEUE_SIZE;
    put_descriptor(h, rig_host(&h->r, q->desc + 16 * i), q->packed);
    if (!q->packed) {
        uint16_t by = (uint16_t)(take(h, 1) % 8 ? 1 : take(h, 1));
        store_le16(rig_host(&h->r, q->driver + 4 + 2 * (q->avail % QUEUE_SIZE)),
                   (uint16_t)(take(h, 1) % 8 ? i : take(h, 2)));
        q->avail += by;
        store_le16(rig_host(&h->r, q->driver + 2), q->avail);
    }
}

/* A header or command as one of the devices has it. */
static void put_header(struct hostile *h)
{
    uint8_t *p = rig_host(&h->r, h->buffers + take(h, 2) % 0x8000);
    store_le32(p, (uint32_t)take(h, 1) % 20);
    store_le32(p + 4, (uint32_t)take(h, 4));
    store_le64(p + 8, take(h, 1) % 4 ? take(h, 1) : take(h, 8));
    if (take(h, 1) % 4 == 0) { /* a SCSI command to the first unit, or task management of it */
        store_le64(p, 1);
        store_le64(p + 16, take(h, 8));
        p[19] = (uint8_t)(take(h, 1) % 2 ? 0x28 : take(h, 1));
    }
}

static void negotiate(struct hostile *h)
{
    h->features = VIRTIO_F_VERSION_1 | (take(h, 4) & drv_features(&h->d));
    h->features |= drv_features(&h->d) & (take(h, 1) % 2 ? VIRTIO_F_RING_PACKED : 0);
    drv_negotiate(&h->d, h->features);
    h->r.next = h->buffers + 0x10000;
    for (unsigned i = 0; i < QUEUES; i++) {
        ring_open(&h->q[i], &h->d, i, QUEUE_SIZE, h->features);
    }
    if (take(h, 1) % 16) {
        drv_ok(&h->d);
    }
}

static void one_action(struct hostile *h)
{
    struct ring *q = &h->q[take(h, 1) % QUEUES];
    switch (take(h, 1) % 16) {
    case 0:
        negotiate(h);
        break;
    case 1:
        drv_config_set(&h->d, (unsigned)take(h, 1) & ~3u, 4, take(h, 4));
        break;
    case 2:
        drv_config(&h->d, (unsigned)take(h, 1) & ~3u, 4);
        break;
    case 3:
        rig_store(&h->r, h->d.common + (take(h, 1) & 0x3c), 4, take(h, 4));
        break;
    case 4:
        rig_store(&h->r, h->d.common + (take(h, 1) & 0x3e), 2, take(h, 2));
        break;
    case 5:
        store_le16(rig_host(&h->r, q->driver + take(h, 1) % 40), (uint16_t)take(h, 2));
        break;
    case 6:
        rig_load(&h->r, h->d.isr, 1);
        break;
    case 7:
    case 8:
        put_header(h);
        break;
    case 9:
    case 10:
        offer_bad(h, q);
        break;
    case 11:
        drv_notify(&h->d, (unsigned)take(h, 1) % (QUEUES + 2));
        break;
    default:
        if (h->r.next < RIG_RAM + RIG_RAM_BYTES / 2) { /* indirect tables take memory */
            offer_good(h, q);
        }
        drv_notify(&h->d, q->queue);
    }
}

static bool run_input(const uint8_t *data, size_t n)
{
    static const struct {
        const struct device_class *class;
        const char *property;
    } rows[] = {
        {&virtio_blk_pci_class, "drive=d"},
        {&virtio_net_pci_class, "netdev=n"},
        {&virtio_serial_pci_class, "max_ports=2"},
        {&virtio_rng_pci_class, "max-bytes=100000"},
        {&virtio_balloon_pci_class, "free-page-reporting=on"},
        {&virtio_scsi_pci_class, "num_queues=2"},
    };
    struct hostile *h = mem_alloc(sizeof(*h));
    struct error e = {{0}};
    open_back_ends();
    cursor_init(&h->in, data, n);
    rig_open(&h->r);
    h->r.m->backends = (struct machine_backends){
        .drive = give_disk, .netdev = give_wire, .chardev = give_sink};
    unsigned which = (unsigned)take(h, 1) % array_len(rows);
    must(rig_device(&h->r, rows[which].class, "pcie.0", &e, "addr=4", "packed=on",
                    rows[which].property, NULL) != NULL,
         &e);
    if (which == 2) {
        must(rig_device(&h->r, &virtconsole_class, "virtio-serial-bus.0", &e, "chardev=c", NULL) !=
                 NULL,
             &e);
    }
    if (rows[which].class == &virtio_scsi_pci_class) {
        must(rig_device(&h->r, &scsi_hd_class, "scsi.0", &e, "drive=d", NULL) != NULL, &e);
    }
    drv_open_pci(&h->d, &h->r, 0x20);
    h->buffers = rig_alloc(&h->r, 0x10000);
    negotiate(h);
    while (cursor_left(&h->in)) {
        one_action(h);
        if (take(h, 1) % 32 == 0) {
            test_states_load(h->r.m);
        }
    }
    drv_set_status(&h->d, 0);
    bool well = drv_status(&h->d) == 0 && drv_negotiate(&h->d, VIRTIO_F_VERSION_1);
    rig_close(&h->r);
    mem_free(h);
    return well;
}

#ifdef FUZZ_LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (!run_input(data, n)) {
        abort();
    }
    return 0;
}

#else

TEST(random_drivers_do_no_harm)
{
    struct rng g;
    uint8_t data[2000];
    rng_seed(&g, test_seed());
    for (unsigned i = 0; i < 3000 * test_scale(); i++) {
        size_t n = (size_t)(1 + rng_below(&g, sizeof(data)));
        rng_bytes(&g, data, n);
        data[0] = (uint8_t)i; /* each device in turn */
        CHECK_MSG(run_input(data, n), "input %u", i);
    }
}

#endif
