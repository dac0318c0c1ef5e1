/* SPDX-License-Identifier: MIT */
/* Modules of -device guest-loader in a device tree: see fdt_modules.h. */
#include "hw/fdt_modules.h"

#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>

static int put_number(void *tree, int node, int cells, uint64_t value)
{
    return cells == 1 ? fdt_appendprop_u32(tree, node, "reg", (uint32_t)value)
                      : fdt_appendprop_u64(tree, node, "reg", value);
}

/* The cells are the root's, as those of /memory are. */
static int put_reg(void *tree, int node, const struct machine_module *module)
{
    const int status = put_number(tree, node, fdt_address_cells(tree, 0), module->addr);
    return status < 0 ? status : put_number(tree, node, fdt_size_cells(tree, 0), module->bytes);
}

static int add_module(void *tree, int chosen, const struct machine_module *module)
{
    static const char kernel[] = "multiboot,module\0multiboot,kernel";
    static const char ramdisk[] = "multiboot,module\0multiboot,ramdisk";
    char name[32];
    snprintf(name, sizeof(name), "module@0x%08" PRIx64, module->addr);
    const int node = fdt_add_subnode(tree, chosen, name);
    int status = node < 0 ? node : put_reg(tree, node, module);
    if (status >= 0) {
        status = module->ramdisk ? fdt_setprop(tree, node, "compatible", ramdisk, sizeof(ramdisk))
                                 : fdt_setprop(tree, node, "compatible", kernel, sizeof(kernel));
    }
    if (status >= 0 && module->bootargs) {
        status = fdt_setprop_string(tree, node, "bootargs", module->bootargs);
    }
    return status;
}

int fdt_add_modules(void *tree, const struct machine *m)
{
    int status = 0;
    for (const struct machine_module *k = m->modules; k && status >= 0; k = k->next) {
        const int chosen = fdt_path_offset(tree, "/chosen");
        status = chosen < 0 ? chosen : add_module(tree, chosen, k);
    }
    return status;
}
