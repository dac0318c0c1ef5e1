/* SPDX-License-Identifier: MIT */
/* Kernels in the forms that can be started, made for tests. */
#ifndef TESTS_SUPPORT_KERNELS_H
#define TESTS_SUPPORT_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
    IMAGE_BYTES = 8192
};

/* e_machine of ELF files. */
enum {
    ELF_X86_64 = 62,
    ELF_AARCH64 = 183
};

struct elf_spec {
    uint16_t machine;
    uint64_t entry, vaddr, paddr, file_bytes, memory_bytes;
};

/* An Image of IMAGE_BYTES whose words behind the header count up. */
void make_image(uint8_t *image, uint64_t text_offset, uint64_t image_size);
/* The same with a PE header with one section that ends at end. */
void make_efi(uint8_t *image, uint32_t section_end);
/* These return how many bytes they have written; all headers but gzip's are of a fixed size. */
size_t pack_gzip(const void *bytes, size_t n, uint8_t *out, size_t room);
/* EFI zboot: 4096 bytes in front of the payload. type: "gzip", "zstd". */
size_t make_zboot(uint8_t *out, const char *type, const uint8_t *payload, size_t n);
/* 64 bytes in front of the data. compression: 0 none, 1 gzip. */
size_t make_uimage(uint8_t *out, uint8_t compression, const uint8_t *data, size_t n);
/* Header, one program header, and 64 bytes of 0x33. */
size_t make_elf(uint8_t *out, const struct elf_spec *s);

#endif
