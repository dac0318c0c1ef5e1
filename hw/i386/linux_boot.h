/* SPDX-License-Identifier: MIT */
/*
 * Linux's boot parameters on x86, and the setup header in them, by offset
 * (Documentation/arch/x86/boot.rst and zero-page.rst of Linux). The header is at the same place in
 * a bzImage.
 */
#ifndef HW_I386_LINUX_BOOT_H
#define HW_I386_LINUX_BOOT_H

#include "base/bits.h"

enum {
    P_RSDP = 0x070,
    P_E820_ENTRIES = 0x1e8,
    P_HEADER = 0x1f1,
    P_SETUP_SECTORS = 0x1f1,
    P_CODE_PARAGRAPHS = 0x1f4,
    P_BOOT_FLAG = 0x1fe,
    P_JUMP = 0x201, /* its length: the header ends that far behind 0x202 */
    P_MAGIC = 0x202,
    P_VERSION = 0x206,
    P_LOADER = 0x210,
    P_LOAD_FLAGS = 0x211,
    P_INITRD = 0x218,
    P_INITRD_BYTES = 0x21c,
    P_HEAP_END = 0x224,
    P_COMMAND_LINE = 0x228,
    P_INITRD_MOST = 0x22c,
    P_COMMAND_LINE_MOST = 0x238,
    P_PREFERRED = 0x258,
    P_INIT_BYTES = 0x260,
    P_E820 = 0x2d0,
    P_BYTES = 4096
};

enum { /* of the load flags */
    LINUX_LOADED_HIGH = 0x01,
    LINUX_HAS_HEAP = 0x80
};
#define LINUX_LOADER_UNKNOWN 0xffu
#define LINUX_KERNEL UINT64_C(0x100000) /* where the protected-mode part goes */
#define LINUX_HEAD_BYTES 4096

/* head: the first LINUX_HEAD_BYTES of the file, or as many as it has. */
static inline bool linux_is_bzimage(const uint8_t *head, size_t n)
{
    return n > P_INIT_BYTES + 4 && load_le16(head + P_BOOT_FLAG) == 0xaa55 &&
           load_le32(head + P_MAGIC) == 0x53726448; /* "HdrS" */
}

/* The length of boot sector and setup code. */
static inline uint64_t linux_setup_bytes(const uint8_t *head)
{
    const uint64_t sectors = head[P_SETUP_SECTORS] ? head[P_SETUP_SECTORS] : 4;
    return (sectors + 1) * 512;
}

/* A file of that size ends before the kernel does, as the header has it from protocol 2.04 on: up
 * to a paragraph, which not all fill. */
static inline bool linux_is_truncated(const uint8_t *head, uint64_t file_bytes)
{
    const uint64_t code = load_le16(head + P_VERSION) < 0x204
                              ? 1
                              : (uint64_t)load_le32(head + P_CODE_PARAGRAPHS) * 16;
    const uint64_t setup = linux_setup_bytes(head);
    return file_bytes <= setup || file_bytes - setup + 15 < code;
}

#endif
