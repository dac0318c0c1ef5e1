/* SPDX-License-Identifier: MIT */
/* What devices are given in tests: given.h. */
#include "tests/support/given.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "block/block.h"
#include "hw/p9/p9.h"
#include "tests/support/machine.h"

static struct block *disk;
static struct p9_share *share;
static struct test_stream line;
static char firmware[40];

/* ---- back ends */

static struct block *give_disk(void *opaque, const char *id, struct error *e)
{
    (void)opaque;
    if (strcmp(id, "d") != 0) {
        error_set(e, "there is no -drive with id=%s", id);
        return NULL;
    }
    return disk;
}

static struct stream *give_line(void *opaque, const char *id, struct error *e)
{
    (void)opaque;
    if (strcmp(id, "c") != 0) {
        error_set(e, "there is no -chardev with id=%s", id);
        return NULL;
    }
    return &line.stream;
}

static struct netdev *give_net(void *opaque, const char *id, struct error *e)
{
    (void)opaque;
    error_set(e, "there is no -netdev with id=%s", id);
    return NULL;
}

static struct p9_share *give_share(void *opaque, const char *id, struct error *e)
{
    (void)opaque;
    if (strcmp(id, "f") != 0) {
        error_set(e, "there is no -fsdev with id=%s", id);
        return NULL;
    }
    return share;
}

static bool give_entropy(void *opaque, const char *id, const char **path, struct error *e)
{
    (void)opaque, (void)path;
    return error_set(e, "there is no -object with id=%s", id);
}

const struct machine_backends given_backends = {.drive = give_disk,
                                                .netdev = give_net,
                                                .chardev = give_line,
                                                .entropy = give_entropy,
                                                .fsdev = give_share};

const char *given_firmware(void)
{
    return firmware;
}

static void make_firmware(void)
{
    static uint8_t bytes[0x10000];
    memcpy(bytes + sizeof(bytes) - 16, "\xea\x5b\xe0\x00\xf0", 5);
    strcpy(firmware, "/tmp/given-firmware-XXXXXX");
    const int fd = mkstemp(firmware);
    if (fd < 0 || write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes)) {
        perror(firmware);
        exit(2);
    }
    close(fd);
}

void given_begin(void)
{
    struct error e;
    make_firmware();
    test_stream_init(&line);
    disk = test_disk(1 << 20);
    share = p9_share_open(&(struct p9_options){.path = ".", .readonly = true}, &e);
    if (!share) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
}

void given_end(void)
{
    block_close(disk);
    p9_share_close(share);
    strbuf_free(&line.written);
    unlink(firmware);
}

/* ---- devices */

static const struct {
    const char *class_start, *pairs;
} needs[] = {
    {"guest-loader", "addr=0x40380000,kernel=/proc/version"},
    {"ide-hd", "drive=d"},
    {"isa-debugcon", "chardev=c"},
    {"loader", "addr=0x40300000,data=5,data-len=4"},
    {"nvme-ns", "drive=d"},
    {"nvme", "serial=1,drive=d"},
    {"pci-bridge", "chassis_nr=1"},
    {"scsi-hd", "drive=d"},
    {"virtconsole", "chardev=c"},
    {"virtio-9p", "fsdev=f,mount_tag=t"},
    {"virtio-blk", "drive=d"},
    {"virtserialport", "chardev=c"},
};

static const char *needs_of(const struct device_class *cls)
{
    for (size_t i = 0; i < array_len(needs); i++) {
        if (strncmp(cls->name, needs[i].class_start, strlen(needs[i].class_start)) == 0) {
            return needs[i].pairs;
        }
    }
    return "";
}

static struct bus *free_bus(struct machine *m, enum bus_kind kind)
{
    struct bus *b = m->cls->default_bus(m, kind);
    for (struct bus *k = m->buses; k && !b; k = k->next) {
        b = k->kind == kind && !(k->is_full && k->is_full(k)) ? k : NULL;
    }
    return b;
}

bool given_plug(struct machine *m, const struct device_class *cls, const char *except,
                const char *more, struct error *e)
{
    char copy[120], *save = NULL;
    struct device *d = device_new(cls, m, NULL);
    bool good = true;
    snprintf(copy, sizeof(copy), "%s,%s", needs_of(cls), more ? more : "");
    for (char *pair = strtok_r(copy, ",", &save); pair && good; pair = strtok_r(NULL, ",", &save)) {
        char *value = strchr(pair, '=');
        *value++ = '\0';
        good = (except && strcmp(pair, except) == 0) || device_set(d, pair, value, e);
    }
    d->bus = cls->bus == BUS_NONE ? NULL : free_bus(m, cls->bus);
    if (cls->bus == BUS_ISA && !d->bus) {
        good = error_set(e, "the board has no ISA");
    }
    if (!good || !device_create(d, e)) {
        device_free(d);
        return false;
    }
    return true;
}
