/* SPDX-License-Identifier: MIT */
/* See a64_run.h. */
#include "tests/support/a64_run.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

__attribute__((format(printf, 2, 3))) static bool fail(char **why, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    *why = mem_vprintf(fmt, ap);
    va_end(ap);
    return false;
}

/* The guest ends by itself within a minute, or not at all. */
static bool run(const char *command, char **why)
{
    char *whole = mem_printf("timeout 120 %s", command);
    int status = system(whole);
    if (status != 0) {
        fail(why, "status %d from: %s", status, command);
    }
    mem_free(whole);
    return status == 0;
}

/* Maps the file from offset on and finds the records. */
static bool take(struct a64_results *out, const char *path, off_t offset, unsigned count,
                 char **why)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= offset) {
        return fail(why, "%s: no results", path);
    }
    out->size = (size_t)(st.st_size - offset);
    out->bytes = mmap(NULL, out->size, PROT_READ, MAP_PRIVATE, fd, offset);
    out->mapped = out->bytes != MAP_FAILED;
    close(fd);
    unlink(path);
    out->record = mem_array(count, sizeof(*out->record));
    if (!out->mapped || !a64_records(out->bytes, out->size, count, out->record)) {
        return fail(why, "%s: not all records are there", path);
    }
    return true;
}

bool a64_run_system(struct a64_results *out, const struct a64_runner *by,
                    const struct a64_image *image, unsigned count, char **why)
{
    char *elf = mem_printf("%s/batch.elf", by->dir), *ram = mem_printf("%s/batch.ram", by->dir);
    char *command = mem_printf("%s -M virt,memory-backend=ram -cpu %s -m %lluM -object "
                               "memory-backend-file,id=ram,size=%lluM,mem-path=%s,share=on "
                               "-nodefaults -display none -kernel %s",
                               by->program, by->cpu, (unsigned long long)(A64_RAM_BYTES >> 20),
                               (unsigned long long)(A64_RAM_BYTES >> 20), ram, elf);
    unlink(ram);
    bool good = a64_image_write(image, elf) || fail(why, "%s cannot be written", elf);
    good = good && run(command, why) && take(out, ram, (off_t)(A64_OUTPUT - A64_RAM), count, why);
    unlink(ram);
    unlink(elf);
    mem_free(elf);
    mem_free(ram);
    mem_free(command);
    return good;
}

bool a64_run_linux(struct a64_results *out, const struct a64_runner *by,
                   const struct a64_image *image, unsigned count, char **why)
{
    char *elf = mem_printf("%s/batch.user", by->dir),
         *records = mem_printf("%s/batch.records", by->dir);
    char *command = mem_printf("%s -cpu %s %s > %s", by->program, by->cpu, elf, records);
    bool good = a64_image_write(image, elf) || fail(why, "%s cannot be written", elf);
    good = good && run(command, why) && take(out, records, 0, count, why);
    unlink(records);
    unlink(elf);
    mem_free(elf);
    mem_free(records);
    mem_free(command);
    return good;
}

static bool read_checksums(uint64_t *sums, const char *path, unsigned count, char **why)
{
    FILE *f = fopen(path, "r");
    char line[100];
    unsigned n = 0;
    while (f && n < count && fgets(line, sizeof(line), f)) {
        char *end;
        sums[n] = strtoull(line, &end, 16);
        n += end == line + 16;
    }
    if (f) {
        fclose(f);
    }
    return n == count || fail(why, "%u checksums of %u", n, count);
}

bool a64_run_checksums(uint64_t *sums, const struct a64_runner *by, const struct a64_image *image,
                       unsigned count, char **why)
{
    char *elf = mem_printf("%s/batch.elf", by->dir), *text = mem_printf("%s/batch.text", by->dir);
    char *command = mem_printf(
        "%s -M virt -cpu %s -m %lluM -nodefaults -display none -semihosting -kernel %s "
        "> %s 2>&1 < /dev/null",
        by->program, by->cpu, (unsigned long long)(A64_RAM_BYTES >> 20), elf, text);
    bool good = a64_image_write(image, elf) || fail(why, "%s cannot be written", elf);
    good = good && run(command, why) && read_checksums(sums, text, count, why);
    unlink(text);
    unlink(elf);
    mem_free(elf);
    mem_free(text);
    mem_free(command);
    return good;
}

void a64_results_free(struct a64_results *r)
{
    if (r->mapped) {
        munmap(r->bytes, r->size);
    } else {
        mem_free(r->bytes);
    }
    for (unsigned i = 0; i < r->models; i++) {
        mem_free(r->modelled[i]);
    }
    mem_free(r->modelled);
    mem_free(r->record);
}
