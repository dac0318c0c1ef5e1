/* SPDX-License-Identifier: MIT */
/* See log.h. The log goes into a file, as with -D. */
#include "tests/support/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"

static char path[32];

void test_log_begin(unsigned mask)
{
    struct error e;
    snprintf(path, sizeof(path), "/tmp/log-test-XXXXXX");
    const int fd = mkstemp(path);
    assert(fd >= 0);
    close(fd);
    if (!log_open(path, &e)) {
        assert(!"the log cannot be opened");
    }
    log_set_mask(mask);
}

char *test_log_end(void)
{
    struct strbuf text = {0};
    int c;

    log_set_mask(0);
    log_close();
    FILE *file = fopen(path, "r");
    while (file && (c = getc(file)) != EOF) {
        strbuf_putc(&text, (char)c);
    }
    if (file) {
        fclose(file);
    }
    unlink(path);
    return strbuf_take(&text);
}
