/* SPDX-License-Identifier: MIT */
/* Traffic as a pcap file (libpcap's format 2.4, pcap-savefile(5)), host byte order. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/net_internal.h"

#define PCAP_MAGIC 0xa1b2c3d4u
#define LINKTYPE_ETHERNET 1

struct net_dump {
    int fd;
    uint32_t maxlen;
    uint8_t *record; /* header and frame */
};

struct pcap_header {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, precision, snaplen, linktype;
};

struct pcap_record {
    uint32_t seconds, microseconds, kept, bytes;
};

static bool write_all(int fd, const void *p, size_t n)
{
    for (const uint8_t *at = p; n > 0;) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno != EINTR) {
            return false;
        }
        at += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

struct net_dump *net_dump_open(const char *path, uint32_t maxlen, struct error *e)
{
    const struct pcap_header h = {PCAP_MAGIC, 2, 4, 0, 0, maxlen, LINKTYPE_ETHERNET};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || !write_all(fd, &h, sizeof(h))) {
        error_set(e, "%s cannot be written: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    struct net_dump *d = mem_alloc(sizeof(*d));
    d->fd = fd;
    d->maxlen = maxlen < NET_PACKET_MAX ? maxlen : NET_PACKET_MAX;
    d->record = mem_alloc(sizeof(struct pcap_record) + d->maxlen);
    return d;
}

void net_dump_close(struct net_dump *d)
{
    if (d) {
        if (d->fd >= 0) {
            close(d->fd);
        }
        mem_free(d->record);
        mem_free(d);
    }
}

void net_dump_packet(struct net_dump *d, const struct net_packet *p)
{
    if (d->fd < 0) {
        return;
    }
    int64_t now = os_wall_ns();
    struct pcap_record r = {.seconds = (uint32_t)(now / 1000000000),
                            .microseconds = (uint32_t)(now % 1000000000 / 1000),
                            .bytes = (uint32_t)p->bytes};
    r.kept = (uint32_t)net_copy(p, d->record + sizeof(r), d->maxlen);
    memcpy(d->record, &r, sizeof(r));
    if (!write_all(d->fd, d->record, sizeof(r) + r.kept)) {
        log_print(LOG_UNIMP, "filter-dump: %s; nothing more is written\n", strerror(errno));
        close(d->fd);
        d->fd = -1;
    }
}
