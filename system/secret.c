/* SPDX-License-Identifier: MIT */
/* Secrets: secret.h. */
#include "system/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    BYTES_MAX = 65536
};

struct secret {
    char bytes[BYTES_MAX + 1];
    size_t n;
};

static bool read_file(struct secret *s, const char *file, struct error *e)
{
    const int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : 1;
    while (fd >= 0 && s->n < BYTES_MAX && got > 0) {
        got = read(fd, s->bytes + s->n, BYTES_MAX - s->n);
        s->n += got > 0 ? (size_t)got : 0;
    }
    const int why = errno;
    char more;
    const bool too_long = got > 0 && read(fd, &more, 1) == 1;
    if (fd >= 0) {
        close(fd);
    }
    if (got < 0) {
        return error_set(e, "file: %s: %s", file, strerror(why));
    }
    return !too_long || error_set(e, "file: %s has more than %d bytes", file, BYTES_MAX);
}

static int digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = c ? strchr(digits, c) : NULL;
    return p ? (int)(p - digits) : -1;
}

/* In place (RFC 4648, section 4); ends of lines are nothing. */
static bool decode(struct secret *s, struct error *e)
{
    unsigned bits = 0, have = 0, pad = 0, count = 0;
    size_t out = 0;
    for (size_t i = 0; i < s->n; i++) {
        const char c = s->bytes[i];
        const int digit = digit_of(c);
        if (c == '\n' || c == '\r') {
            continue;
        }
        count++;
        if (c == '=') {
            pad++;
            continue;
        }
        if (digit < 0 || pad) {
            return error_set(e, "it is not in base64");
        }
        bits = bits << 6 | (unsigned)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            s->bytes[out++] = (char)(bits >> have);
        }
    }
    if (count % 4 || pad > 2) {
        return error_set(e, "it is not in base64");
    }
    memset(s->bytes + out, 0, s->n - out);
    s->n = out;
    return true;
}

struct secret *secret_create(const char *data, const char *file, bool base64, struct error *e)
{
    struct secret *s = mem_alloc(sizeof(*s));
    bool good = true;
    if (!data == !file) {
        good = error_set(e, "one of data= and file= is needed");
    } else if (data && strlen(data) > BYTES_MAX) {
        good = error_set(e, "data= has more than %d bytes", BYTES_MAX);
    } else if (data) {
        s->n = strlen(data);
        memcpy(s->bytes, data, s->n);
    } else {
        good = read_file(s, file, e);
    }
    if (!good || (base64 && !decode(s, e))) {
        secret_free(s);
        return NULL;
    }
    return s;
}

void secret_free(struct secret *s)
{
    if (s) {
        explicit_bzero(s, sizeof(*s));
        mem_free(s);
    }
}

const char *secret_bytes(const struct secret *s, size_t *n)
{
    *n = s->n;
    return s->bytes;
}
