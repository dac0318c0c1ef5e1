/* SPDX-License-Identifier: MIT */
/* dragoman-nbd -L: what a server exports, in qemu-nbd's words. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "tools/nbd/nbd.h"

#define EXPORTS_MAX 1000

struct exports {
    char *names[EXPORTS_MAX];
    unsigned count;
};

static bool ask_names(int fd, struct exports *x, struct nbd_option_reply_data *r, struct error *e)
{
    if (!nbd_option_send(fd, NBD_OPT_LIST, NULL, 0, e)) {
        return false;
    }
    for (;;) {
        if (!nbd_option_receive(fd, NBD_OPT_LIST, r, e)) {
            return false;
        }
        if (r->type == NBD_REP_ACK) {
            return true;
        }
        if (r->type != NBD_REP_SERVER || r->bytes < 4 || load_be32(r->data) > r->bytes - 4) {
            return error_set(e, "the server does not list its exports");
        }
        if (x->count == EXPORTS_MAX) {
            return error_set(e, "the server has more than %d exports", EXPORTS_MAX);
        }
        x->names[x->count++] = mem_printf("%.*s", (int)load_be32(r->data),
                                          (const char *)r->data + 4);
    }
}

static void say_flags(unsigned flags)
{
    static const struct {
        unsigned flag;
        const char *name;
    } rows[] = {
        {NBD_READ_ONLY, "readonly"}, {NBD_SEND_FLUSH, "flush"},
        {NBD_SEND_FUA, "fua"},       {NBD_ROTATIONAL, "rotational"},
        {NBD_SEND_TRIM, "trim"},     {NBD_SEND_WRITE_ZEROES, "zeroes"},
        {NBD_SEND_DF, "df"},         {NBD_MULTI_CONN, "multi"},
        {NBD_SEND_CACHE, "cache"},   {NBD_SEND_FAST_ZERO, "fast-zero"},
    };
    printf("  flags: 0x%x (", flags);
    for (size_t i = 0; i < array_len(rows); i++) {
        if (flags & rows[i].flag) {
            printf(" %s", rows[i].name);
        }
    }
    printf(" )\n");
}

static void say_info(const struct nbd_option_reply_data *r)
{
    const unsigned what = r->bytes >= 2 ? load_be16(r->data) : UINT32_MAX;
    if (what == NBD_INFO_DESCRIPTION && r->bytes > 2) {
        command_say("  description: %s\n", (const char *)r->data + 2);
    } else if (what == NBD_INFO_EXPORT && r->bytes == 12) {
        printf("  size:  %" PRIu64 "\n", load_be64(r->data + 2));
        say_flags(load_be16(r->data + 10));
    } else if (what == NBD_INFO_BLOCK_SIZE && r->bytes == 14) {
        printf("  min block: %" PRIu32 "\n  opt block: %" PRIu32 "\n  max block: %" PRIu32 "\n",
               load_be32(r->data + 2), load_be32(r->data + 6), load_be32(r->data + 10));
    }
}

/* One of the kind at a time, so that what is said has an order whatever the server's is. */
static bool ask_info(int fd, const char *name, unsigned what, struct nbd_option_reply_data *r,
                     struct error *e)
{
    const uint32_t n = (uint32_t)strlen(name);
    uint8_t *data = mem_alloc(n + 8);
    store_be32(data, n);
    memcpy(data + 4, name, n);
    store_be16(data + 4 + n, what != NBD_INFO_EXPORT);
    store_be16(data + 6 + n, (uint16_t)what);
    bool good = nbd_option_send(fd, NBD_OPT_INFO, data, n + (what != NBD_INFO_EXPORT ? 8 : 6), e);
    mem_free(data);
    do {
        good = good && nbd_option_receive(fd, NBD_OPT_INFO, r, e);
        if (good && r->type == NBD_REP_INFO && r->bytes >= 2 && load_be16(r->data) == what) {
            say_info(r);
        }
    } while (good && r->type == NBD_REP_INFO);
    return good;
}

static bool ask_contexts(int fd, const char *name, struct nbd_option_reply_data *r, struct error *e)
{
    const uint32_t n = (uint32_t)strlen(name);
    char *names[64];
    unsigned count = 0;
    uint8_t *data = mem_alloc(n + 8);
    store_be32(data, n);
    memcpy(data + 4, name, n);
    bool good = nbd_option_send(fd, NBD_OPT_LIST_META, data, n + 8, e);
    mem_free(data);
    while ((good = good && nbd_option_receive(fd, NBD_OPT_LIST_META, r, e)) &&
           r->type == NBD_REP_META && count < 64 && r->bytes > 4) {
        names[count++] = mem_strdup((const char *)r->data + 4);
    }
    if (count) {
        printf("  available meta contexts: %u\n", count);
    }
    for (unsigned i = 0; i < count; i++) {
        command_say("   %s\n", names[i]);
        mem_free(names[i]);
    }
    return good;
}

static bool list_all(int fd, struct exports *x, struct nbd_option_reply_data *r, struct error *e)
{
    if (!nbd_greet(fd, e) || !nbd_option_send(fd, NBD_OPT_STRUCTURED_REPLY, NULL, 0, e) ||
        !nbd_option_receive(fd, NBD_OPT_STRUCTURED_REPLY, r, e)) {
        return false;
    }
    const bool structured = r->type == NBD_REP_ACK;
    if (!ask_names(fd, x, r, e)) {
        return false;
    }
    printf("exports available: %u\n", x->count);
    for (unsigned i = 0; i < x->count; i++) {
        const char *name = x->names[i];
        command_say(" export: '%s'\n", name);
        if (!ask_info(fd, name, NBD_INFO_DESCRIPTION, r, e) ||
            !ask_info(fd, name, NBD_INFO_EXPORT, r, e) ||
            !ask_info(fd, name, NBD_INFO_BLOCK_SIZE, r, e) ||
            (structured && !ask_contexts(fd, name, r, e))) {
            return false;
        }
    }
    return nbd_option_send(fd, NBD_OPT_ABORT, NULL, 0, e);
}

bool nbd_list(const struct nbd_address *a, struct error *e)
{
    int fd = nbd_connect(a, e);
    if (fd < 0) {
        return false;
    }
    struct exports x = {.count = 0};
    struct nbd_option_reply_data r = {.data = mem_alloc(NBD_REPLY_MAX + 1)};
    bool good = list_all(fd, &x, &r, e);
    while (x.count) {
        mem_free(x.names[--x.count]);
    }
    mem_free(r.data);
    close(fd);
    return good;
}
