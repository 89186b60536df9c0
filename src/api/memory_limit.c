/* How much memory the process may take. */
#include <stdio.h>
#include <unistd.h>

#include "route.h"

/* "max", or bytes; 0 where there is no such file. Both versions of control groups. */
static double limit_in(const char *path)
{
    double bytes = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    if (fscanf(file, "%lf", &bytes) != 1)
        bytes = 0;
    fclose(file);
    return bytes;
}

double api_memory_limit(void)
{
    static const char *const files[] = {"/sys/fs/cgroup/memory.max",
                                        "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    double machine = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < MW_COUNT(files); i++) {
        double limit = limit_in(files[i]);
        if (limit > 0 && limit < machine)
            return limit;
    }
    return machine;
}
