/* SPDX-License-Identifier: MIT */
/*
 * -bios, -L and what depends on -kernel. Firmware is the distribution's: a name without a folder is
 * searched where packages put it, and when it is not there the message names the package.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cpu/arch.h"
#include "system/options.h"

/* folder/name if it can be read (the config's), else NULL. */
static const char *readable(struct config *c, const char *folder, const char *name)
{
    char *path = mem_printf("%s/%s", folder, name);
    if (access(path, R_OK) == 0) {
        return config_own(c, path);
    }
    mem_free(path);
    return NULL;
}

static const char *search(struct config *c, const char *name)
{
    const char *found = NULL;
    for (size_t i = 0; i < c->firmware_dirs.count && !found; i++) {
        found = readable(c, c->firmware_dirs.items[i], name);
    }
    for (const char *const *dir = c->guest->firmware_dirs; dir && *dir && !found; dir++) {
        found = readable(c, *dir, name);
    }
    return found ? found : readable(c, "/usr/share/qemu", name);
}

const char *options_find_rom(struct config *c, const char *name)
{
    static const char *const folders[] = {"/usr/share/seabios", "/usr/lib/ipxe/qemu"};
    const char *found = strchr(name, '/') ? NULL : search(c, name);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && !found; i++) {
        found = strchr(name, '/') ? NULL : readable(c, folders[i], name);
    }
    return found;
}

static bool find_bios(struct config *c, struct error *e)
{
    const char *name = c->machine.bios;
    if (c->machine_class->usual_bios) {
        c->machine.usual_bios = search(c, c->machine_class->usual_bios);
    }
    if (!name || access(name, R_OK) == 0) {
        return true;
    }
    const char *found = strchr(name, '/') ? NULL : search(c, name);
    if (found) {
        c->machine.bios = found;
        return true;
    }
    const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
    error_set(e, "-bios %s: there is no such file", name);
    for (const struct arch_firmware *f = c->guest->firmware; f && f->file; f++) {
        if (strcmp(base, f->file) == 0) {
            error_append(e, "; on Debian the package %s has it", f->package);
        }
    }
    return false;
}

/* Files that the board will read: a name that is wrong is found before anything is opened. */
static bool check_file(const char *option, const char *name, struct error *e)
{
    return !name || access(name, R_OK) == 0 ||
           error_set(e, "%s %s: %s", option, name, strerror(errno));
}

/* It may be a list of files with arguments: the board looks. */
static bool has_modules(const struct config *c)
{
    const char *initrd = c->machine.initrd;
    return c->machine_class->initrd_has_modules && initrd && strpbrk(initrd, " ,");
}

bool options_check_boot(struct config *c, struct error *e)
{
    if (!c->machine.kernel && c->machine.initrd) {
        return error_set(e, "-initrd %s: only with -kernel", c->machine.initrd);
    }
    if (!c->machine.kernel && c->machine.append) {
        return error_set(e, "-append: only with -kernel");
    }
    c->machine.no_screen = c->nographic || !c->display;
    return check_file("-kernel", c->machine.kernel, e) &&
           (has_modules(c) || check_file("-initrd", c->machine.initrd, e)) &&
           check_file("-dtb", c->machine.dtb, e) && find_bios(c, e);
}
