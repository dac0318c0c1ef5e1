/* SPDX-License-Identifier: MIT */
/* Folders that a test makes: folder.h. */
#include "tests/support/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
