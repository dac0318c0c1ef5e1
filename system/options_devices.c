/* SPDX-License-Identifier: MIT */
/* -device and -global: what can be said before there is a machine. Properties are checked by the
 * devices, when made. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "hw/device.h"
#include "system/options.h"

static bool listed(const struct device_class *d)
{
    return (d->flags & DEVICE_PLUGGABLE) && !(d->flags & DEVICE_INTERNAL);
}

static char *devices_help(void)
{
    struct strbuf s = {0};
    strbuf_puts(&s, "Devices:\n");
    for (const struct device_class *const *d = device_classes; *d; d++) {
        if (listed(*d)) {
            strbuf_printf(&s, "  %-24s %-8s %s%s%s\n", (*d)->name, bus_kind_name((*d)->bus),
                          (*d)->desc, (*d)->alias ? "; also " : "", (*d)->alias ? (*d)->alias : "");
        }
    }
    return strbuf_take(&s);
}

char *options_network_cards(void)
{
    struct strbuf s = {0};
    strbuf_puts(&s, "Network cards:\n");
    for (const struct device_class *const *d = device_classes; *d; d++) {
        const struct prop *p = (*d)->props;
        while (p && p->name && p->type != PROP_MAC) {
            p++;
        }
        if (listed(*d) && p && p->name) {
            strbuf_printf(&s, "  %-24s %s\n", (*d)->name, (*d)->desc);
        }
    }
    return strbuf_take(&s);
}

static bool no_such_driver(const char *where, const char *driver, struct error *e)
{
    enum {
        MAX = 200
    };
    const char *names[MAX];
    size_t n = 0;
    for (const struct device_class *const *d = device_classes; *d && n < MAX; d++) {
        if (listed(*d)) {
            names[n++] = (*d)->name;
        }
    }
    error_set(e, "%s: there is no device '%s'", where, driver);
    const char *near = error_nearest_name(driver, names, n);
    if (near) {
        error_append(e, "; did you mean '%s'?", near);
    }
    error_append(e, " (-device help lists all)");
    return false;
}

/* The name of a form of a virtio device on PCI, as QEMU has them, is the device with a property. */
static void take_form(struct keyvals *k)
{
    static const struct {
        const char *end, *disable_legacy;
    } forms[] = {{"-pci-non-transitional", "on"}, {"-pci-transitional", "off"}};
    const char *driver = keyvals_get(k, "driver");
    const size_t n = driver ? strlen(driver) : 0;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const size_t end = strlen(forms[i].end);
        if (n > end && strcmp(driver + n - end, forms[i].end) == 0) {
            char *base = mem_printf("%.*s-pci", (int)(n - end), driver);
            keyvals_set(k, "driver", base);
            keyvals_set(k, "disable-legacy", forms[i].disable_legacy);
            mem_free(base);
            return;
        }
    }
}

static bool check_device(struct config *c, struct keyvals *k, struct error *e)
{
    const char *driver = keyvals_get(k, "driver");
    if (!driver) {
        return error_set(e, "%s: the driver is missing: -device DRIVER,...", k->where);
    }
    if (options_is_help(driver)) {
        return options_give_help(c, devices_help());
    }
    if (!device_class_find(driver)) {
        take_form(k);
        driver = keyvals_get(k, "driver");
    }
    const struct device_class *d = device_class_find(driver);
    if (!d) {
        return no_such_driver(k->where, driver, e);
    }
    if (options_want_help(k)) {
        return options_give_help(c, device_help(d));
    }
    return (d->flags & DEVICE_PLUGGABLE) ||
           error_set(e, "%s: '%s' is part of a machine and cannot be added", k->where, driver);
}

static char *globals_help(void)
{
    struct strbuf s = {0};
    strbuf_puts(&s, "-global DRIVER.PROPERTY=VALUE sets a property of all devices of a driver.\n"
                    "Drivers, whose properties -device DRIVER,help lists:\n");
    for (const struct device_class *const *d = device_classes; *d; d++) {
        if (listed(*d)) {
            strbuf_printf(&s, "  %-26s %s\n", (*d)->name, (*d)->desc ? (*d)->desc : "");
        }
    }
    return strbuf_take(&s);
}

bool options_take_global(struct config *c, const char *arg, struct error *e)
{
    size_t n = strcspn(arg, ".=,");
    struct keyvals *k;
    if (options_is_help(arg)) {
        return options_give_help(c, globals_help());
    }
    if (arg[n] == '.') { /* DRIVER.PROPERTY=VALUE */
        const char *equals = strchr(arg + n, '=');
        if (!equals || equals == arg + n + 1 || n == 0) {
            return error_set(e, "-global %s: the form is DRIVER.PROPERTY=VALUE", arg);
        }
        k = keyvals_parse("-global", "", NULL, e);
        mem_free(k->where);
        k->where = mem_printf("-global %s", arg);
        char *driver = mem_printf("%.*s", (int)n, arg);
        char *property = mem_printf("%.*s", (int)(equals - arg - (ptrdiff_t)n - 1), arg + n + 1);
        keyvals_set(k, "driver", driver);
        keyvals_set(k, "property", property);
        keyvals_set(k, "value", equals + 1);
        mem_free(driver);
        mem_free(property);
    } else {
        k = keyvals_parse("-global", arg, NULL, e);
        if (!k) {
            return false;
        }
        if (!keyvals_get(k, "driver") || !keyvals_get(k, "property") || !keyvals_get(k, "value")) {
            keyvals_free(k);
            return error_set(
                e,
                "-global %s: the form is DRIVER.PROPERTY=VALUE or driver=,property=,value=", arg);
        }
    }
    keyvals_append(&c->globals, k);
    return true;
}

bool options_check_devices(struct config *c, struct error *e)
{
    for (struct keyvals *k = c->devices; k; k = k->next) {
        if (!check_device(c, k, e)) {
            return false;
        }
    }
    return true;
}
