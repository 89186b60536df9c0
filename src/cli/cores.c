/* How many threads are worth starting: the cores this process may use, by its affinity mask and, in
 * a container, by its CPU quota. */
#include "house.h"

#include <sched.h>

static unsigned cores_by_affinity(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1; /* more cores than the set holds, or no such call: one is always right */
    int n = CPU_COUNT(&set);
    return n > 0 ? (unsigned)n : 1;
}

/* cgroup v2: "max 100000" or "150000 100000", quota and period in microseconds. 0: no limit known.
 * Two threads on a quota of 1.5 cores use it whole; so it is rounded up. */
static unsigned cores_by_quota(void)
{
    unsigned long long quota, period;
    unsigned cores = 0;
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%llu %llu", &quota, &period) == 2 && period > 0)
        cores = (unsigned)((quota + period - 1) / period);
    fclose(file);
    return cores;
}

unsigned cli_cores(void)
{
    unsigned cores = cores_by_affinity(), quota = cores_by_quota();
    if (quota > 0 && quota < cores)
        cores = quota;
    return cores < MW_LIMIT_THREADS ? cores : MW_LIMIT_THREADS;
}
