/* SPDX-License-Identifier: MIT */
/* How the program calls itself; the number is configure's. */
#include "system/version.h"

#include "base/strbuf.h"
#include "config.h"
#include "cpu/arch.h"

char *version_text(void)
{
    struct strbuf s = {0};
    strbuf_puts(&s, "dragoman version " DRAGOMAN_VERSION " (guests:");
    for (const struct arch *const *a = archs; *a; a++) {
        strbuf_printf(&s, "%s %s", a == archs ? "" : ",", (*a)->name);
    }
    strbuf_puts(&s, "; host: " CONFIG_HOST_ARCH ")");
    return strbuf_take(&s);
}
