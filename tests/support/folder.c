/* SPDX-License-Identifier: MIT */
/* Folders that a test makes, and files in them: folder.h. */
#include "tests/support/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

void folder_remove(int at, const char *name)
{
    const int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            unlinkat(fd, e->d_name, 0) != 0) {
            fchmodat(fd, e->d_name, 0700, 0);
            folder_remove(fd, e->d_name);
        }
    }
    if (d) {
        closedir(d);
    }
    unlinkat(at, name, AT_REMOVEDIR);
}

bool folder_read_file(const char *path, uint8_t **bytes, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0) {
        return false;
    }
    *n = (size_t)ftell(f);
    *bytes = mem_alloc(*n);
    rewind(f);
    bool good = fread(*bytes, 1, *n, f) == *n;
    fclose(f);
    return good;
}
