/* SPDX-License-Identifier: MIT */
/* A web server in the test itself, with one file; it says what it must not where it is told to. */
#ifndef TESTS_SUPPORT_WEB_HOST_H
#define TESTS_SUPPORT_WEB_HOST_H

#include <stddef.h>

#include "base/os.h"

enum web_lie {
    WEB_HONEST,
    WEB_NOT_THERE,  /* status 404 */
    WEB_NO_RANGES,  /* it does not say that it gives parts */
    WEB_NO_LENGTH,  /* nor how large the file is */
    WEB_HUGE,       /* of 2^63 - 1 bytes */
    WEB_LOCAL_FILE, /* is redirected to file:///etc/passwd */
    WEB_IN_CIRCLES, /* to itself */
    WEB_NOISE,      /* what it sends is no HTTP */
    WEB_LAST_OF_HEAD,
    WEB_WHOLE_FILE = WEB_LAST_OF_HEAD, /* from here on: to a part; all with status 200 */
    WEB_SHORT,                         /* less than asked for */
    WEB_TOO_LONG,
    WEB_OTHER_PART,
    WEB_BREAKS_OFF, /* less than it said */
    WEB_FAILS,      /* status 500 */
    WEB_LIES,
};

struct web_host {
    const unsigned char *file;
    size_t size;
    enum web_lie lie;
    const char *moved; /* the file is at this path, "/" leads there; NULL: at any */

    unsigned port;
    unsigned requests; /* for parts; atomic */
    char cookie[64];   /* of the last request */
    int listener;
    struct os_thread thread;
};

void web_host_start(struct web_host *h);
void web_host_stop(struct web_host *h);

#endif
