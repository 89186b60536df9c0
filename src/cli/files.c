/* Open files: a connection is one, and shells give 1,024 where more may be had for the asking. */
#include "house.h"

#include <sys/resource.h>

/* Besides connections: models, the record, its blobs, the watch, logs. */
enum { FILES_BESIDE = 500 };

uint64_t cli_files_wanted(uint64_t max_connections)
{
    return max_connections + FILES_BESIDE;
}

uint64_t cli_files_raise(uint64_t wanted)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return 0;
    if (files.rlim_cur >= wanted)
        return files.rlim_cur;
    rlim_t before = files.rlim_cur;
    files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
    return setrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : before;
}
