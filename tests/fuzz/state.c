/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 600 */
/*
 * Hostile states: those of a machine with drivers at work, with bytes, numbers, lengths, versions
 * and names changed and the checksums made good again, are loaded into that machine. It refuses
 * them with a reason, or runs what it got for a moment, answers at its registers, and can be saved
 * again.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cpu/cpu.h"
#include "system/loop.h"
#include "system/state_form.h"
#include "system/vm.h"
#include "tests/test.h"

#define RAM UINT64_C(0x40000000)
#define RINGS UINT64_C(0x41000000)
#define CODE (RAM + 0x1000)
#define MMIO UINT64_C(0x0a000000)
#define MMIO_STRIDE 0x200
#define TRANSPORTS 32
#define ECAM UINT64_C(0x4010000000)

struct run {
    struct config config;
    struct loop *loop;
    struct vm *vm;
    struct rng rng;
    struct state_file *base;
    char folder[64], disk[80], state[80];
};

/* ---- the machine */

static void must(bool good, const struct error *e)
{
    if (!good) {
        fprintf(stderr, "%s\n", e->text);
        exit(2);
    }
}

static void make_folder(struct run *r)
{
    struct error e = {"no folder"};
    snprintf(r->folder, sizeof(r->folder), "/tmp/dragoman-fuzz-XXXXXX");
    must(mkdtemp(r->folder) != NULL, &e);
    snprintf(r->disk, sizeof(r->disk), "%s/disk", r->folder);
    snprintf(r->state, sizeof(r->state), "%s/state", r->folder);
    const int fd = open(r->disk, O_RDWR | O_CREAT, 0600);
    must(fd >= 0 && ftruncate(fd, 1 << 20) == 0, &e);
    close(fd);
}

static void remove_folder(const struct run *r)
{
    unlink(r->disk);
    unlink(r->state);
    CHECK(rmdir(r->folder) == 0);
}

static void make_machine(struct run *r, const char *const *more)
{
    char drives[2][140];
    snprintf(drives[0], sizeof(drives[0]), "file=%s,format=raw,if=none,id=d0,locking=off", r->disk);
    snprintf(drives[1], sizeof(drives[1]), "file=%s,format=raw,if=none,id=d1,locking=off", r->disk);
    const char *argv[80] = {"dragoman-system-aarch64",
                            "-M",
                            "virt",
                            "-m",
                            "32M",
                            "-smp",
                            "2",
                            "-nodefaults",
                            "-display",
                            "none",
                            "-serial",
                            "null",
                            "-chardev",
                            "null,id=c",
                            "-drive",
                            drives[0],
                            "-drive",
                            drives[1],
                            "-device",
                            "virtio-blk-device,drive=d0",
                            "-device",
                            "virtio-net-device",
                            "-device",
                            "virtio-rng-device,max-bytes=1000,period=10",
                            "-device",
                            "virtio-serial-device",
                            "-device",
                            "virtconsole,chardev=c",
                            "-device",
                            "virtio-balloon-device",
                            "-device",
                            "virtio-blk-pci,drive=d1,packed=on",
                            "-device",
                            "virtio-net-pci",
                            "-device",
                            "pcie-root-port,id=port",
                            "-device",
                            "virtio-rng-pci,bus=port"};
    int n = 0;
    while (argv[n]) {
        n++;
    }
    while (*more) {
        argv[n++] = *more++;
    }
    struct error e = {""};
    bool done;
    r->config = (struct config){0};
    must(options_parse(&r->config, n, (char **)(uintptr_t)argv, &e) &&
             options_check(&r->config, &e),
         &e);
    r->loop = loop_create();
    r->vm = vm_create(&r->config, r->loop, &done, &e);
    must(r->vm != NULL, &e);
}

static uint64_t load(struct run *r, paddr a, unsigned size)
{
    uint64_t v = 0;
    space_load(r->vm->machine->memory, a, size, &v);
    return v;
}

static void store(struct run *r, paddr a, unsigned size, uint64_t v)
{
    space_store(r->vm->machine->memory, a, size, v);
}

/* A driver as far as rings that have something in them. */
static void drive(struct run *r, paddr base, paddr rings, bool packed)
{
    if (load(r, base + 8, 4) == 0) { /* DeviceID */
        return;
    }
    store(r, base + 0x70, 4, 3);
    for (unsigned word = 0; word < 2; word++) {
        store(r, base + 0x14, 4, word);
        store(r, base + 0x24, 4, word);
        const uint64_t offered = load(r, base + 0x10, 4);
        store(r, base + 0x20, 4, word && !packed ? offered & ~UINT64_C(4) : offered);
    }
    store(r, base + 0x70, 4, 11);
    for (unsigned q = 0; q < 6; q++, rings += 0x2000) {
        store(r, base + 0x30, 4, q);
        if (load(r, base + 0x34, 4) == 0) {
            break;
        }
        store(r, base + 0x38, 4, 8);
        store(r, base + 0x80, 4, rings);
        store(r, base + 0x90, 4, rings + 0x800);
        store(r, base + 0xa0, 4, rings + 0x1000);
        for (unsigned i = 0; i < 4; i++) {
            store(r, rings + 16 * i, 8, rings + 0x1800 + 64 * i);
            store(r, rings + 16 * i + 8, 8, 64 | UINT64_C(2) << 32);
            store(r, rings + 0x804 + 2 * i, 2, i);
        }
        store(r, base + 0x44, 4, 1);
    }
    store(r, base + 0x70, 4, 15);
}

static void prepare(struct run *r)
{
    static const uint32_t loop_code[] = {
        0x91000400, /* add x0, x0, #1 */
        0xf9400041, /* ldr x1, [x2] */
        0xb9405083, /* ldr w3, [x4, #80] */
        0x17fffffd, /* b . - 12 */
    };
    struct error e = {""};
    for (unsigned i = 0; i < array_len(loop_code); i++) {
        store(r, CODE + 4 * i, 4, loop_code[i]);
    }
    for (unsigned i = 0; i < r->vm->machine->vcpu_count; i++) {
        r->vm->machine->vcpus[i]->cls->set_pc(r->vm->machine->vcpus[i], CODE);
    }
    for (unsigned i = 0; i < TRANSPORTS; i++) {
        drive(r, MMIO + i * MMIO_STRIDE, RINGS + i * UINT64_C(0x10000), i % 2);
    }
    vm_go(r->vm);
    usleep(2000);
    vm_halt(r->vm);
    must(r->vm->control.save(&r->vm->control, r->state, &e), &e);
    r->base = state_file_open(r->state, &e);
    must(r->base != NULL, &e);
}

/* ---- a hostile state */

struct piece {
    char name[STATE_NAME_MAX + 1];
    enum state_kind kind;
    uint32_t version;
    uint8_t *bytes;
    size_t length;
};

static uint64_t number(struct rng *g)
{
    static const uint64_t special[] = {
        0,         1,     2,          7,           0xff,       0x100,
        0x3ff,     0x400, 0x7fff,     0xffff,      0x10000,    RINGS,
        RAM,       MMIO,  UINT32_MAX, 0x80000000u, UINT64_MAX, UINT64_C(1) << 63,
        0x41fffff8};
    return rng_below(g, 4) ? special[rng_below(g, array_len(special))] : rng_u64(g);
}

static void change_once(struct rng *g, struct piece *p)
{
    const size_t n = p->length;
    const unsigned width = 1u << rng_below(g, 4);
    switch (rng_below(g, 12)) {
    case 0:
        p->length = (size_t)rng_below(g, n + 1);
        break;
    case 1:
        p->bytes = mem_resize_array(p->bytes, n + 8, 1);
        rng_bytes(g, p->bytes + n, 8);
        p->length = n + 1 + (size_t)rng_below(g, 8);
        break;
    case 2:
        p->version = (uint32_t)rng_below(g, 4);
        break;
    case 3:
        p->name[rng_below(g, strlen(p->name))] ^= 1;
        break;
    case 4:
    case 5:
        if (n) {
            p->bytes[rng_below(g, n)] ^= (uint8_t)(1u << rng_below(g, 8));
        }
        break;
    default:
        if (n >= width) {
            store_le(p->bytes + rng_below(g, n - width + 1), width, number(g));
        }
    }
}

static void append(int fd, const void *bytes, size_t n)
{
    CHECK(write(fd, bytes, n) == (ssize_t)n);
}

static void append_section(int fd, const struct piece *p)
{
    struct state_head h = {.kind = (uint16_t)p->kind,
                           .name_length = (uint16_t)strlen(p->name),
                           .version = p->version,
                           .length = p->length};
    uint8_t head[STATE_SECTION_HEAD];
    h.checksum = state_checksum(state_head_checksum(&h, p->name), p->bytes, p->length);
    state_head_pack(&h, head);
    append(fd, head, sizeof(head));
    append(fd, p->name, h.name_length);
    append(fd, p->bytes, p->length);
}

/* The base with what change says; which of its sections is for the caller. */
static int changed_state(struct run *r, const bool *change)
{
    struct error e = {""};
    uint8_t head[STATE_FILE_HEAD] = STATE_MAGIC, count[8];
    const int fd = memfd_create("state", MFD_CLOEXEC);
    store_le32(head + STATE_MAGIC_BYTES, STATE_FORMAT);
    append(fd, head, sizeof(head));
    for (size_t i = 0; i < r->base->count; i++) {
        const struct state_section *s = &r->base->sections[i];
        struct piece p = {.kind = s->kind, .version = s->version, .length = (size_t)s->length};
        snprintf(p.name, sizeof(p.name), "%s", s->name);
        p.bytes = mem_array(p.length + 16, 1);
        if (s->bytes) {
            memcpy(p.bytes, s->bytes, p.length);
        } else {
            must(state_file_pages(r->base, s, p.bytes, &e), &e);
        }
        for (unsigned k = 0; change[i] && k <= rng_below(&r->rng, 3); k++) {
            change_once(&r->rng, &p);
        }
        append_section(fd, &p);
        mem_free(p.bytes);
    }
    store_le64(count, r->base->count);
    append_section(fd,
                   &(struct piece){.name = STATE_END, .version = 1, .bytes = count, .length = 8});
    return fd;
}

/* ---- what it is good for */

static void poke(struct run *r)
{
    for (unsigned i = 0; i < 60; i++) {
        paddr a = MMIO + rng_below(&r->rng, TRANSPORTS * MMIO_STRIDE);
        switch (rng_below(&r->rng, 6)) {
        case 0:
            a = ECAM + rng_below(&r->rng, 0x8000);
            break;
        case 1:
            a = 0x08000000 + rng_below(&r->rng, 0x120000);
            break;
        case 2:
            a = 0x09000000 + rng_below(&r->rng, 0x40000);
            break;
        case 3: /* a doorbell */
            a = (a & ~(paddr)(MMIO_STRIDE - 1)) | 0x50;
            break;
        }
        a = align_down(a, 4);
        if (rng_below(&r->rng, 2)) {
            store(r, a, 4, rng_below(&r->rng, 2) ? number(&r->rng) : rng_below(&r->rng, 8));
        } else {
            load(r, a, 4);
        }
    }
}

static void run_on(struct run *r)
{
    struct vm *vm = r->vm;
    vm_go(vm);
    usleep((useconds_t)rng_below(&r->rng, 1500));
    vm_halt(vm);
    poke(r);
    /* What the guest asked for is not carried out: the machine is to last. */
    vm->requests = 0;
    vm->guest_ends = false;
    vm->needs_reset = false;
    loop_run_posted(r->loop);
}

/* true: it was loaded. */
static bool try_one(struct run *r, const bool *change)
{
    char path[40];
    struct error e = {""};
    const int fd = changed_state(r, change);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    const bool good = r->vm->control.load(&r->vm->control, path, &e);
    close(fd);
    CHECK_MSG(good || e.text[0], "a refusal without a reason");
    r->vm->needs_reset = false;
    run_on(r);
    return good;
}

static void fuzz(const char *const *more)
{
    struct run *r = mem_alloc(sizeof(*r));
    unsigned loaded = 0, refused = 0;
    rng_seed(&r->rng, test_seed());
    log_set_mask(0);
    make_folder(r);
    make_machine(r, more);
    prepare(r);
    bool *change = mem_array(r->base->count, sizeof(*change));
    for (unsigned i = 0; i < 600 * test_scale(); i++) {
        memset(change, 0, r->base->count);
        for (unsigned k = 0; i && k <= rng_below(&r->rng, 3); k++) {
            change[rng_below(&r->rng, r->base->count)] = true;
        }
        if (try_one(r, change)) {
            loaded++;
        } else {
            CHECK(i > 0); /* the state itself is good */
            refused++;
        }
        if (i % 50 == 49) {
            struct error e = {""};
            CHECK_MSG(r->vm->control.save(&r->vm->control, r->state, &e), "%s", e.text);
            r->vm->control.reset(&r->vm->control);
        }
    }
    CHECK(loaded > 50 && refused > 50);
    printf("# %u loaded, %u refused\n", loaded, refused);
    mem_free(change);
    state_file_close(r->base);
    vm_destroy(r->vm);
    loop_destroy(r->loop);
    config_free(&r->config);
    remove_folder(r);
    mem_free(r);
}

TEST(hostile_states_with_gicv3)
{
    fuzz((const char *const[]){"-M", "gic-version=3", NULL});
}

TEST(hostile_states_with_gicv2_interpreted)
{
    fuzz((const char *const[]){"-M", "gic-version=2", "-accel", "tcg,engine=interp", NULL});
}

TEST(hostile_states_of_counted_time)
{
    fuzz((const char *const[]){"-M", "gic-version=3", "-icount", "shift=1", NULL});
}
