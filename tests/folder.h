/* A folder of one's own under /tmp, for tests that write files. */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEST_FOLDER_BYTES = 64 };

static inline int test_folder_make(char folder[TEST_FOLDER_BYTES])
{
    snprintf(folder, TEST_FOLDER_BYTES, "/tmp/mw-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

/* With all that is in it. */
static inline int test_folder_remove(const char *folder)
{
    char command[TEST_FOLDER_BYTES + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) == 0 ? 0 : -1;
}

/* The names in it; those that begin with a point do not count. */
static inline size_t test_folder_count(const char *folder)
{
    size_t n = 0;
    DIR *listing = opendir(folder);
    if (!listing)
        fail_msg("no folder %s", folder);
    for (struct dirent *entry; (entry = readdir(listing));)
        n += entry->d_name[0] != '.';
    closedir(listing);
    return n;
}

#endif
